"""Values of OPC UA servers, sampled: a row for each node whose value is new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.opcua.config import OpcuaConfig, OpcuaStream
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.live import paced
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=3, seconds=20)
_DEEPEST = 6
_MOST_NODES = 1000


class OpcuaReader:
    """Samples nodes of one server."""

    def __init__(self, config: OpcuaConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._where = f"source {context.source}: OPC UA at {config.url}"
        self._client: Any = None

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        with asking(self._where, _judge):
            spaces = self._connected().get_namespace_array()
        return f"OPC UA at {self._config.url}: {len(spaces)} namespaces"

    def discover(self) -> list[Stream]:
        """The variables of the server's objects, the first thousand, each as a stream."""
        with asking(self._where, _judge):
            names = _variables(self._connected().nodes.objects)
        return streams_of(names, _OWN, ("at",))

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`.

        The cursor: node -> the source's time of the last value that was read.
        """
        options: OpcuaStream = self._context.streams[stream]
        seen: dict[str, str] = dict((cursor or {}).get("seen", {}))
        for _ in paced(options.every_milliseconds / 1000, self._context.stop):
            with asking(f"{self._where}, stream {stream}", _judge):
                found = _RETRY.on(_may_pass)(self._values, list(options.nodes))
            new = []
            for node, value in zip(options.nodes, found, strict=True):
                at = (value.SourceTimestamp or value.ServerTimestamp or datetime.now(UTC)).replace(
                    tzinfo=UTC
                )
                if seen.get(node) != at.isoformat():
                    seen[node] = at.isoformat()
                    new.append(_message(node, value, at))
            if new:
                yield page_of(new, None, cursor={"seen": dict(seen)})

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(Exception):  # it is given up either way
            client.disconnect()

    def _values(self, nodes: list[str]) -> list[Any]:
        from asyncua.ua.attribute_ids import AttributeIds

        try:
            client = self._connected()
            asked = [client.get_node(one) for one in nodes]
            # One request; each value has its own status and time.
            read: list[Any] = client.read_attributes(asked, AttributeIds.Value)
        except Exception as error:
            if _may_pass(error):
                self.close()  # the next attempt connects again
            raise
        for node, value in zip(nodes, read, strict=True):
            if value.StatusCode.name == "BadNodeIdUnknown":
                raise ConnectorError(
                    f"{self._where}: no node {node}",
                    f"`weir sources discover {self._context.source}` lists the nodes",
                )
        return read

    def _connected(self) -> Any:
        from asyncua.sync import Client

        if self._client is not None:
            return self._client
        config = self._config
        client = Client(config.url, timeout=config.timeout_seconds)
        try:
            if config.user:
                client.set_user(config.user)
                client.set_password(read_secret(config.password))
            if config.security != "none":
                mode = "Sign" if config.security == "sign" else "SignAndEncrypt"
                client.set_security_string(
                    f"Basic256Sha256,{mode},{config.certificate},{config.private_key}"
                )
            client.connect()
        except BaseException:
            client.tloop.stop()
            raise
        self._client = client
        return client


def _message(node: str, value: Any, at: datetime) -> Message:
    inner = value.Value.Value if value.Value is not None else None
    fields = {
        "node": node,
        "value": _plain(inner),
        "at": at,
        "status": value.StatusCode.name,
        "good": value.StatusCode.is_good(),
    }
    return Message(fields, f"{node}@{at.isoformat()}", f"node {node} at {at.isoformat()}")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, bytes, datetime)):
        return value
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value)


def _variables(root: Any) -> list[str]:
    from asyncua import ua

    found: list[str] = []
    level = [root]
    for _ in range(_DEEPEST):
        following = []
        for node in level:
            for child in node.get_children():
                if child.nodeid.NamespaceIndex == 0:
                    continue  # of the server itself
                if child.read_node_class() == ua.NodeClass.Variable:
                    found.append(child.nodeid.to_string())
                else:
                    following.append(child)
                if len(found) >= _MOST_NODES:
                    return found
        level = following
    return found


_OWN = {
    "node": pa.string(),
    "value": pa.float64(),
    "at": pa.timestamp("us", "UTC"),
    "status": pa.string(),
    "good": pa.bool_(),
    "_id": pa.string(),
}


def _may_pass(error: BaseException) -> bool:
    return _judge(error) is Verdict.AWAY


def _judge(error: BaseException) -> Verdict | None:
    import asyncua

    ua: Any = asyncua.ua  # its names are re-exported in a way that types do not see
    if isinstance(error, ua.UaStatusCodeError):
        name = type(error).__name__
        if name in ("BadUserAccessDenied", "BadIdentityTokenRejected", "BadIdentityTokenInvalid"):
            return Verdict.REFUSED
        away = ("Closed", "Timeout", "Shutdown", "Halted", "TooBusy", "SessionIdInvalid")
        return Verdict.AWAY if any(one in name for one in away) else Verdict.WRONG
    if isinstance(error, ua.UaError):
        return Verdict.WRONG
    if isinstance(error, (OSError, TimeoutError)) or type(error).__name__ == "CancelledError":
        return Verdict.AWAY
    return None
