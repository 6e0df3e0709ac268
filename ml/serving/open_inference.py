"""The Open Inference Protocol (KServe's "v2") over HTTP: tensors in, tensors out.

One input tensor for each field of the signature, of shape [rows] or [rows, 1], or one tensor named
``inputs`` of shape [rows, fields]. ``parameters.keys`` holds a key for each row, by which rows are
divided between champion and challenger; without keys a row is routed by the id of its answer.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope

from ml.serving import router
from ml.serving.checks import InputError, Problem, kind
from ml.serving.http import Reply, body_of, reply_of, request_id
from ml.serving.runtime import Model
from ml.serving.server import Server

VERSION = "1"
MATRIX = "inputs"
_ROWS = 1_000
_TYPES = {"double": "FP64", "long": "INT64", "boolean": "BOOL", "string": "BYTES"}
_HINT = "GET /v2/models/{model} shows names and datatypes"


def routes(server: Server) -> APIRouter:
    """Health and metadata under ``/v2``; :func:`infer` is dispatched before FastAPI."""
    found = APIRouter(prefix="/v2")

    @found.get("")
    async def about() -> Response:
        return reply_of({"name": "weir", "version": VERSION, "extensions": []}).response()

    @found.get("/health/live")
    async def live() -> Response:
        return reply_of({"live": True}).response()

    @found.get("/health/ready")
    async def ready() -> Response:
        good = server.fleet.ready
        return reply_of({"ready": good}, status=200 if good else 503).response()

    @found.get("/models/{model}/ready")
    async def model_ready(model: str) -> Response:
        server.service(model)
        return reply_of({"name": model, "ready": True}).response()

    @found.get("/models/{model}")
    async def metadata(model: str) -> Response:
        champion = server.service(model).champion
        inputs = [
            {"name": field.name, "datatype": _TYPES[field.type], "shape": [-1]}
            for field in champion.artefact.signature.inputs
        ]
        outputs = [
            {"name": name, "datatype": datatype, "shape": [-1]}
            for name, datatype in (("score", "FP64"), ("label", "INT64"), ("id", "BYTES"))
        ]
        return reply_of(
            {
                "name": model,
                "versions": [str(champion.version)],
                "platform": "onnx",
                "inputs": inputs,
                "outputs": outputs,
            }
        ).response()

    return found


async def infer(server: Server, model: str, scope: Scope, receive: Receive) -> Reply:
    """``POST /v2/models/{model}/infer``."""
    service = server.service(model)
    body = await body_of(receive)
    rows = rows_of(body, service.champion)
    checked = service.champion.check.rows({"rows": rows}, _ROWS)
    ids = [server.ids.next() for _ in checked]
    given = "keys" in _parameters(body)
    asked = [
        router.Request(identity, key if given else identity, values)
        for identity, (key, values) in zip(ids, checked, strict=True)
    ]
    answers = await server.score(service, asked)
    for answer in answers:
        # A tensor has no place for the error of a row.
        if answer.error is not None:
            raise answer.error
    found = [answer.returned for answer in answers]
    return reply_of(
        {
            "model_name": service.champion.name,
            "model_version": str(service.champion.version),
            "id": request_id(scope, str(body.get("id") or ids[0])),
            "outputs": [
                _tensor("score", "FP64", [row.score for row in found]),
                _tensor("label", "INT64", [row.label for row in found]),
                _tensor("id", "BYTES", ids),
            ],
        },
        request_id(scope, ids[0]),
        task=server.shadow(service, asked, answers),
    )


def rows_of(body: dict[str, Any], model: Model) -> list[dict[str, Any]]:
    """Rows as ``predict_batch`` takes them; a row without a key has one that stands for none.

    Raises:
        InputError: tensors that do not fit the signature or each other.
    """
    tensors = body.get("inputs")
    if not isinstance(tensors, list) or not all(isinstance(one, dict) for one in tensors):
        raise _wrong("inputs", "a list of tensors", kind(tensors))
    names = [field.name for field in model.artefact.signature.inputs]
    if [one.get("name") for one in tensors] == [MATRIX] and names != [MATRIX]:
        flat = _data(tensors[0], len(names))
        columns = {name: flat[place :: len(names)] for place, name in enumerate(names)}
    else:
        columns = {str(one.get("name"))[:100]: _data(one, 1) for one in tensors}
        if len(columns) != len(tensors):
            raise _wrong("inputs", "each name once", "a repeated name")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or not 0 < min(lengths) <= _ROWS:
        raise _wrong(
            "inputs",
            f"tensors of 1 to {_ROWS} rows, all the same length",
            f"{sorted(lengths)} rows",
        )
    (count,) = lengths
    keys = _parameters(body).get("keys", ["-"] * count)
    if not isinstance(keys, list) or len(keys) != count:
        raise _wrong("parameters.keys", f"a list of {count} keys", kind(keys))
    return [
        {"key": keys[row], "inputs": {name: column[row] for name, column in columns.items()}}
        for row in range(count)
    ]


def _data(tensor: dict[str, Any], width: int) -> list[Any]:
    """The values of a tensor, row after row; nested lists are allowed."""
    name = f"inputs.{str(tensor.get('name'))[:100]}"
    data, shape = tensor.get("data"), tensor.get("shape")
    if not isinstance(data, list) or not isinstance(shape, list):
        raise _wrong(name, "data and shape, both lists", kind(data))
    if data and isinstance(data[0], list):
        if not all(isinstance(row, list) for row in data):
            raise _wrong(name, "data all nested or all flat", "both")
        data = [value for row in data for value in row]
    fits = shape in ([len(data) // width, width], [len(data)] if width == 1 else None)
    if not fits or len(data) % width:
        raise _wrong(name, f"the shape [rows, {width}] of its data", f"{shape!r:.50}")
    return data


def _parameters(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("parameters") or {}
    if not isinstance(found, dict):
        raise _wrong("parameters", "an object", kind(found))
    return found


def _tensor(name: str, datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


def _wrong(field: str, rule: str, got: str) -> InputError:
    return InputError([Problem(field, rule, got)], _HINT)
