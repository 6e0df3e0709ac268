"""SOAP services, from their WSDL: an operation's result as records, in pages and increments.

zeep reads the WSDL and writes and reads the messages; whatever goes over the network goes through
the client of all HTTP connectors, schemas that the WSDL imports too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http import increments
from platform_assets.connectors.http.client import Answer, HttpClient
from platform_assets.connectors.http.incremental import Place
from platform_assets.connectors.http.increments import Fetched
from platform_assets.connectors.http.paths import at
from platform_assets.connectors.http.rows import records_at
from platform_assets.connectors.kinds.soap.config import SoapConfig, SoapStream
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    SourceRefusedError,
    Stream,
)
from platform_assets.core.secrets import read_secret


class SoapReader:
    """Reads one service."""

    def __init__(self, config: SoapConfig, context: Context) -> None:
        self._config, self._source, self._streams = config, context.source, context.streams
        self._http = HttpClient(config, context)
        self._service: Any = None

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        names = sorted(self._operations())
        return f"{self._config.base_url}: operations {', '.join(names)}"

    def discover(self) -> list[Stream]:
        """The service's operations; what they give is known only when they are asked."""
        return [
            Stream(name, pa.schema([]), description=str(one.output.signature()))
            for name, one in sorted(self._operations().items())
        ]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        where = f"source {self._source}, stream {stream}"
        options: SoapStream = self._streams[stream]
        fetch = partial(self._fetch, where, options)
        yield from increments.read(where, fetch, cursor, options.incremental)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._http.close()

    def _fetch(self, where: str, options: SoapStream, since: Any, place: Place | None) -> Fetched:
        arguments = {**options.arguments, **increments.parameter(options.incremental, since)}
        number = int(place["page"]) if place and options.page else options.first
        if options.page:
            arguments[options.page] = number
        if options.token and place:
            arguments[options.token] = place["token"]
        result = self._call(where, options.operation, arguments)
        records = _list(result, options.records, f"{where}: {options.operation}")
        following: Place | None = None
        if options.page and records and (not options.more or at(result, options.more)):
            following = {"page": number + 1}
        elif options.token and (token := at(result, options.next)):
            following = {"token": token}
        return Fetched(f"{self._config.base_url}, {options.operation}", records, following)

    def _call(self, where: str, name: str, arguments: Mapping[str, Any]) -> Any:
        from zeep.exceptions import Error, Fault
        from zeep.helpers import serialize_object

        client = self._client()
        if name not in self._operations():
            raise ConnectorError(
                f"{where}: no operation {name!r}",
                f"it has: {', '.join(sorted(self._operations()))}",
            )
        service = client.service
        if self._config.service_url:
            binding = next(iter(client.wsdl.bindings))
            service = client.create_service(binding, self._config.service_url)
        try:
            result = service[name](**arguments)
        except Fault as error:
            raise _explained(f"{where}: {name}", error) from None
        except (Error, TypeError, ValueError) as error:
            raise ConnectorError(f"{where}: {name}: {error}", "see `arguments`") from error
        return json.loads(json.dumps(serialize_object(result, dict), default=_plain))

    def _operations(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for service in self._client().wsdl.services.values():
            for port in service.ports.values():
                found |= port.binding._operations
        return found

    def _client(self) -> Any:
        if self._service is None:
            from lxml.etree import LxmlError
            from zeep import Client, Settings
            from zeep.exceptions import Error
            from zeep.wsse.username import UsernameToken

            config = self._config
            wsse = None
            if config.user:
                wsse = UsernameToken(config.user, read_secret(config.password))
            try:
                self._service = Client(
                    config.base_url,
                    wsse=wsse,
                    transport=_Transport(self._http),
                    settings=Settings(strict=False, forbid_dtd=True, forbid_entities=True),
                )
            except (Error, LxmlError, ValueError) as error:
                raise ConnectorError(
                    f"source {self._source}: {config.base_url}: {error}", "is it a WSDL?"
                ) from error
            if not self._service.wsdl.services:
                raise ConnectorError(
                    f"source {self._source}: {config.base_url} names no service", "is it a WSDL?"
                )
        return self._service


@dataclass
class _Response:
    """An answer as zeep takes it."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str = "utf-8"

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")


class _Transport:
    """What zeep sends and loads, by way of our client."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def load(self, url: str) -> bytes:
        """A WSDL or a schema."""
        if not url.startswith(("http://", "https://")):
            raise ConnectorError(f"{url[:80]!r}: only addresses on the web are loaded")
        return self._client.ask(url, headers={"Accept": "text/xml, application/xml"}).body

    def post(self, address: str, message: bytes | str, headers: Mapping[str, str]) -> _Response:
        """A message that is written."""
        body = message if isinstance(message, bytes) else message.encode()
        answer: Answer = self._client.ask(
            address,
            method="POST",
            body=body,
            headers={**headers, "Accept": "text/xml, application/soap+xml"},
            good=_is_fault,
        )
        return _Response(answer.status, {**answer.headers, **_typed(answer)}, answer.body)

    def post_xml(self, address: str, envelope: Any, headers: Mapping[str, str]) -> _Response:
        """A message as a tree."""
        from zeep.wsdl.utils import etree_to_string

        return self.post(address, etree_to_string(envelope), headers)


def _typed(answer: Answer) -> dict[str, str]:
    return {"Content-Type": answer.headers.get("content-type", "text/xml")}


def _is_fault(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """A fault comes with a status of an error, and is an answer all the same."""
    return status in (400, 500) and "xml" in headers.get("content-type", "") and b"Fault" in body


def _explained(where: str, fault: Any) -> ConnectorError:
    code = str(fault.code or "").rpartition(":")[2].rpartition("}")[2]
    told = f"{where}: {code or 'fault'}: {fault.message}"
    if any(word in code for word in ("Authentication", "InvalidSecurity", "Unauthorized")):
        return SourceRefusedError(told, "check the credentials and their rights")
    if code.startswith(("Server", "Receiver")):
        return SourceAwayError(told, "it is tried again at the next read")
    return ConnectorError(told, "see `arguments`")


def _list(result: Any, path: str, where: str) -> list[Any]:
    """An empty list is often nothing at all in XML."""
    if result is None or (path and at(result, path) is None):
        return []
    return records_at(result, path, where)


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
