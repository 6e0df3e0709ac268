"""The other side of a language model's endpoint: a strict OpenAI-compatible server.

Belongs here: that server, and a client that does not wait for it. Does not belong here: what is
asked of it, any test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.peer import Answer, Peer, Request

KEY = "sk-very-secret"

Reply = dict[str, Any] | str | int | bytes
"""An answer's JSON, its text, a status, or a whole body."""


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the key, and the client's pauses between tries to none."""
    monkeypatch.setenv("WEIR_LLM_KEY", KEY)
    monkeypatch.setattr(
        "openai._base_client.BaseClient._calculate_retry_timeout", lambda *_, **__: 0.0
    )


class Model:
    """An OpenAI-compatible endpoint that plays answers and refuses malformed requests.

    An answer may be made of the data document of its request.
    """

    def __init__(
        self,
        *answers: Reply | Callable[[dict[str, Any]], Reply],
        usage: dict[str, int] | None = None,
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.wrong: list[str] = []
        self._answers = list(answers)
        self._usage = usage
        self._peer = Peer(self._answer)
        self.url = f"{self._peer.url}/v1"

    def data(self, request: int) -> dict[str, Any]:
        """The data document of a request."""
        content = self.requests[request]["messages"][1]["content"]
        found = json.loads(content.removeprefix("<data>\n").removesuffix("\n</data>"))
        assert isinstance(found, dict)
        return found

    @contextmanager
    def serving(self) -> Iterator[None]:
        with self._peer.serving():
            yield
        assert self.wrong == []

    def _answer(self, request: Request) -> Answer:
        body = request.json()
        self.requests.append(body)
        self.keys.append(request.headers["authorization"])
        self._check(request.path, body)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if callable(answer):
            answer = answer(self.data(len(self.requests) - 1))
        if answer == "hang":
            self._peer.leaving.wait(30)
        if isinstance(answer, bytes):
            kind = "text/html" if answer.startswith(b"<html>") else "application/json"
            return Answer(200, answer, {"Content-Type": kind})
        return Answer(answer if isinstance(answer, int) else 200, self._completion(answer))

    def _check(self, path: str, body: dict[str, Any]) -> None:
        """What a strict endpoint would refuse."""
        schema = body["response_format"]["json_schema"]
        told = [
            (path == "/v1/chat/completions", "path"),
            (body["model"] == "small-model", "model"),
            ([one["role"] for one in body["messages"]] == ["system", "user"], "roles"),
            (body["max_completion_tokens"] > 0, "tokens"),
            (body["response_format"]["type"] == "json_schema" and schema["strict"], "format"),
            *[(closed(part), "schema") for part in objects(schema["schema"])],
        ]
        self.wrong += [name for right, name in told if not right]

    def _completion(self, answer: Reply) -> dict[str, Any]:
        if isinstance(answer, int):
            return {"error": {"message": f"quoting {KEY}"}}
        text = answer if isinstance(answer, str) else json.dumps(answer)
        message = {"role": "assistant", "content": text}
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "small-model",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            **({"usage": {**self._usage, "total_tokens": 0}} if self._usage else {}),
        }


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)


def closed(schema: dict[str, Any]) -> bool:
    return schema["additionalProperties"] is False and set(schema["required"]) == set(
        schema["properties"]
    )
