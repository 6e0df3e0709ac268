"""The models of texts over KServe's protocol: ``text_sentiment`` and ``text_entities``.

They are the registry's champions, as everything else reads with them; there is no trial and no
record of predictions. :mod:`ml.text.kserve` is a client.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope

from ml.serving.checks import InputError, Problem, kind
from ml.serving.http import Reply, body_of, reply_of, request_id
from ml.serving.ids import Ids
from ml.serving.server import NotLoadedError
from ml.text.reader import Models, read
from ml.text.results import LABELS, Entity
from ml.text.trained import ENTITIES, SENTIMENT

if TYPE_CHECKING:
    from platform_assets.core.settings import Settings

NAMES = (SENTIMENT, ENTITIES)
ROWS, CHARACTERS = 1_000, 20_000
FOLLOW_SECONDS = 60.0
"""How often it is asked whether there is another champion."""
_TEXT = "text"
_FOUND = ("person", "organisation", "place")
_OUTPUTS = {
    SENTIMENT: [{"name": one, "datatype": "FP64", "shape": [-1]} for one in LABELS],
    ENTITIES: [{"name": "entities", "datatype": "BYTES", "shape": [-1]}],
}
_HINT = f"one tensor {_TEXT} of BYTES and shape [rows], 1 to {ROWS} texts"


class TextModels:
    """The champions, loaded when they are first asked for and again when they change.

    Args:
        settings: where the registry is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._models = Models()
        self._numbers: dict[str, int | None] = {}
        self._looked = -FOLLOW_SECONDS

    def routes(self) -> APIRouter:
        """Metadata; to be included before those of other models."""
        found = APIRouter(prefix="/v2/models")
        for name in NAMES:
            found.add_api_route(f"/{name}", self._about(name), methods=["GET"])
            found.add_api_route(f"/{name}/ready", self._ready(name), methods=["GET"])
        return found

    async def infer(self, model: str, scope: Scope, receive: Receive) -> Reply:
        """``POST /v2/models/{model}/infer``.

        Raises:
            InputError: the tensors are not as :meth:`routes` says.
            NotLoadedError: it is not trained.
            RegistryError: the registry does not answer, and nothing is loaded yet.
        """
        body = await body_of(receive)
        texts = _texts(body)
        # The models are numpy and C on one core: not where predictions are answered.
        outputs, number = await asyncio.to_thread(self._read, model, texts)
        identity = request_id(scope, str(body.get("id") or Ids().next()))
        document = {
            "model_name": model, "model_version": str(number), "id": identity, "outputs": outputs,
        }  # fmt: skip
        return reply_of(document, identity)

    def _read(self, model: str, texts: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
        models, number = self._serving(model)
        readings = read(texts, models)
        if model == ENTITIES:
            named = [_listed(one.entities) for one in readings]
            return [_tensor("entities", "BYTES", named)], number
        # A text without letters is judged as one of which nothing is known.
        rows = [
            (one.sentiment.negative, one.sentiment.neutral, one.sentiment.positive)
            if one.sentiment
            else (0.0, 1.0, 0.0)
            for one in readings
        ]
        columns = zip(*rows, strict=True)
        return [
            _tensor(label, "FP64", list(column))
            for label, column in zip(LABELS, columns, strict=True)
        ], number

    def _serving(self, model: str) -> tuple[Models, int]:
        """The one model, alone, and its version."""
        from ml.text.published import champions, load

        with self._lock:
            if time.monotonic() - self._looked > FOLLOW_SECONDS:
                numbers = champions(self._settings)
                if numbers != self._numbers:
                    own = self._settings.model_copy(
                        update={"text_sentiment": "", "text_entities": ""}
                    )
                    self._models, self._numbers = load(own), numbers
                self._looked = time.monotonic()
            models, number = self._models, self._numbers.get(model)
        if number is None:
            raise NotLoadedError(f"model {model} is not trained", "weir text train --data FOLDER")
        if model == SENTIMENT:
            return Models(sentiment=models.sentiment), number
        return Models(entities=models.entities), number

    def _about(self, name: str) -> Any:
        async def about() -> Response:
            _, number = await asyncio.to_thread(self._serving, name)
            return reply_of(
                {
                    "name": name,
                    "versions": [str(number)],
                    "platform": "weir",
                    "inputs": [{"name": _TEXT, "datatype": "BYTES", "shape": [-1]}],
                    "outputs": _OUTPUTS[name],
                }
            ).response()

        return about

    def _ready(self, name: str) -> Any:
        async def ready() -> Response:
            await asyncio.to_thread(self._serving, name)
            return reply_of({"name": name, "ready": True}).response()

        return ready


def _texts(body: dict[str, Any]) -> list[str]:
    tensors = body.get("inputs")
    if not isinstance(tensors, list) or len(tensors) != 1 or not isinstance(tensors[0], dict):
        raise InputError([Problem("inputs", "one tensor", kind(tensors))], _HINT)
    data = tensors[0].get("data")
    if isinstance(data, list) and data and all(isinstance(one, list) for one in data):
        data = [value for row in data for value in row]
    if tensors[0].get("datatype") != "BYTES" or tensors[0].get("name") != _TEXT:
        got = f"{tensors[0].get('name')!r:.40} of {tensors[0].get('datatype')!r:.20}"
        raise InputError([Problem("inputs", f"{_TEXT} of BYTES", got)], _HINT)
    if not isinstance(data, list) or not 0 < len(data) <= ROWS:
        raise InputError([Problem("inputs.text", f"1 to {ROWS} texts", kind(data))], _HINT)
    for place, one in enumerate(data):
        if not isinstance(one, str) or len(one) > CHARACTERS:
            rule = f"a text of at most {CHARACTERS} characters"
            raise InputError([Problem(f"inputs.text[{place}]", rule, kind(one))], _HINT)
    return data


def _listed(entities: Sequence[Entity]) -> str:
    found = [
        {"kind": one.kind, "start": one.start, "end": one.end, "confidence": one.confidence}
        for one in entities
        if one.kind in _FOUND
    ]
    return orjson.dumps(found).decode()


def _tensor(name: str, datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}
