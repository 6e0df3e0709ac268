"""Sentiment and names by a model behind KServe's Open Inference Protocol: Triton, or Weir's own.

One input tensor of BYTES, a text a row. Sentiment answers with tensors ``negative``, ``neutral``
and ``positive``, or one ``probabilities`` of three columns; names with BYTES ``entities``, a JSON
list a row of ``kind``, ``start``, ``end`` and ``confidence``. Requests of a batch are under way
together.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, get_args

from ml.text.backend import BackendError, feeling
from ml.text.results import LABELS, Entity, Kind, Sentiment
from platform_assets.core.retry import HTTP_MAY_PASS, Retry
from platform_assets.core.secrets import find_secret

if TYPE_CHECKING:
    import httpx

    from platform_assets.core.settings import Settings

ROWS, AT_ONCE = 64, 4
"""Texts of a request, and requests that are under way together."""
_RETRY = Retry(attempts=4, seconds=30)
_KINDS = frozenset(get_args(Kind))
_DECIMALS = 4

Tensors = dict[str, list[Any]]
"""Values of each output, a row a text (three a row where there are three columns)."""


@dataclass(frozen=True)
class KServeModel:
    """A model behind an address.

    Attributes:
        url: of the server.
        model: its name there.
        versions: as the server names them.
        input: name of its tensor of texts.
        nested: whether that tensor has a second dimension, of one.
        seconds: for one request.
        key: for the header ``Authorization``; empty: none.
    """

    url: str
    model: str
    versions: str
    input: str
    nested: bool
    seconds: float
    key: str

    @classmethod
    def at(cls, settings: Settings, where: str) -> Self:
        """Ask a server what its model takes.

        Args:
            settings: ``request_timeout_seconds``, and in ``text_secret_name`` the key's name.
            where: ``URL/MODEL``.

        Raises:
            BackendError: it does not answer, or the model takes no texts.
        """
        url, _, model = where.rstrip("/").rpartition("/")
        key = find_secret(settings.text_secret_name) or ""
        blank = cls(url, model, "", "", False, settings.request_timeout_seconds, key)
        (about,) = asyncio.run(blank._together([("GET", f"/v2/models/{model}", None)]))
        inputs = about.get("inputs")
        first = inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else {}
        if not isinstance(first, dict) or first.get("datatype") != "BYTES":
            raise blank._wrong("its one input is not BYTES: it takes no texts")
        versions = ", ".join(str(one) for one in about.get("versions") or ["1"])
        nested = len(first.get("shape") or [-1]) > 1
        return cls(
            url, model, versions, str(first.get("name")), nested, blank.seconds, key
        )  # fmt: skip

    @property
    def version(self) -> str:
        """Names the model and its version."""
        return f"kserve {self.model} {self.versions}"

    def infer(self, texts: Sequence[str]) -> list[Tensors]:
        """The outputs of each request of :data:`ROWS` texts, in order.

        Raises:
            BackendError: the server does not answer, refuses, or answers in another shape.
        """
        parts = [list(texts[start : start + ROWS]) for start in range(0, len(texts), ROWS)]
        path = f"/v2/models/{self.model}/infer"
        asked = [("POST", path, self._body(part)) for part in parts]
        return [self._tensors(answer) for answer in asyncio.run(self._together(asked))]

    def _body(self, texts: list[str]) -> dict[str, Any]:
        shape = [len(texts), 1] if self.nested else [len(texts)]
        return {
            "inputs": [{"name": self.input, "datatype": "BYTES", "shape": shape, "data": texts}]
        }

    async def _together(self, asked: Sequence[tuple[str, str, Any]]) -> list[dict[str, Any]]:
        import httpx

        gate = asyncio.Semaphore(AT_ONCE)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        async with httpx.AsyncClient(timeout=self.seconds, headers=headers) as client:

            async def one(method: str, path: str, body: Any) -> dict[str, Any]:
                async with gate:
                    try:
                        retry = _RETRY.on_async(_may_pass)
                        return await retry(self._once, client, method, path, body)
                    except httpx.HTTPStatusError as error:
                        raise self._wrong(f"it answers {error.response.status_code}") from error
                    except (httpx.HTTPError, httpx.InvalidURL) as error:
                        raise self._wrong(f"no answer ({type(error).__name__})") from error

            return list(await asyncio.gather(*(one(*some) for some in asked)))

    async def _once(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any
    ) -> dict[str, Any]:
        answer = await client.request(method, self.url + path, json=body)
        answer.raise_for_status()
        try:
            found = answer.json()
        except ValueError as error:
            raise self._wrong("its answer is no JSON") from error
        if not isinstance(found, dict):
            raise self._wrong("its answer is no object")
        return found

    def _tensors(self, answer: Mapping[str, Any]) -> Tensors:
        try:
            return {str(one["name"]): list(_flat(one["data"])) for one in answer["outputs"]}
        except (KeyError, TypeError) as error:
            raise self._wrong("its answer has no outputs with name and data") from error

    def _wrong(self, rule: str) -> BackendError:
        return BackendError(
            f"model {self.model} at {self.url}: {rule}",
            f"see {self.url}/v2/models/{self.model} and WEIR_TEXT_SENTIMENT, WEIR_TEXT_ENTITIES",
        )


class KServeSentiment(KServeModel):
    """Judges texts; see the module for the tensors."""

    def judge(self, texts: Sequence[str], languages: Sequence[str]) -> list[Sentiment]:  # noqa: ARG002
        """For each text what its writer feels.

        Raises:
            BackendError: see :meth:`infer`.
        """
        rows = [row for tensors in self.infer(texts) for row in self._rows(tensors)]
        if len(rows) != len(texts):
            raise self._wrong(f"{len(rows)} rows for {len(texts)} texts")
        try:
            return [feeling([float(one) for one in row]) for row in rows]
        except (TypeError, ValueError) as error:
            raise self._wrong(str(error)) from error

    def _rows(self, tensors: Tensors) -> list[Sequence[Any]]:
        if "probabilities" in tensors:
            flat = tensors["probabilities"]
            return [flat[at : at + len(LABELS)] for at in range(0, len(flat), len(LABELS))]
        if not set(LABELS) <= tensors.keys():
            raise self._wrong(f"its outputs are not {', '.join(LABELS)}, nor probabilities")
        columns = [tensors[label] for label in LABELS]
        if len({len(column) for column in columns}) != 1:
            raise self._wrong("its outputs differ in length")
        return list(zip(*columns, strict=True))


class KServeEntities(KServeModel):
    """Finds persons, organisations and places; see the module for the tensor."""

    def find(self, texts: Sequence[str], languages: Sequence[str]) -> list[list[Entity]]:  # noqa: ARG002
        """The entities of each text, in order.

        Raises:
            BackendError: see :meth:`infer`.
        """
        rows = [row for tensors in self.infer(texts) for row in tensors.get("entities", [])]
        if len(rows) != len(texts):
            raise self._wrong(f"{len(rows)} rows of entities for {len(texts)} texts")
        try:
            return [
                [self._entity(text, one) for one in json.loads(row)]
                for text, row in zip(texts, rows, strict=True)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._wrong(f"an entity cannot be read: {error!r:.100}") from error

    @staticmethod
    def _entity(text: str, one: Mapping[str, Any]) -> Entity:
        kind, start, end, sure = one["kind"], one["start"], one["end"], float(one["confidence"])
        if kind not in _KINDS or not 0 <= start < end <= len(text) or not 0 <= sure <= 1:
            raise ValueError(f"{kind} {start}-{end} of {len(text)} characters")
        return Entity(kind, start, end, text[start:end], round(sure, _DECIMALS))


def _flat(data: Any) -> list[Any]:
    """Values of a tensor, whose rows may be nested lists."""
    return [value for one in data for value in (one if isinstance(one, list) else [one])]


def _may_pass(error: BaseException) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in HTTP_MAY_PASS
    return isinstance(error, httpx.TransportError)
