"""One question to an OpenAI-compatible endpoint: instructions, data, and the shape of the answer.

Instructions stand in the system message. Data are one JSON document in the user message, with ``<``
escaped so that nothing in it can close its delimiter. What the model writes is judged by whoever
asked.
"""

from __future__ import annotations

import json
import time
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from platform_assets.core.secrets import find_secret
from platform_assets.core.settings import Settings
from reports.narrative.brief import AnswerError, NarratorError, Usage

RETRIES = 2
"""Tries after a failed call; the client waits 0.5 to 8 s between them, with jitter."""
_BYTES_PER_TOKEN = 3
"""A low estimate, so that the tokens of a text are rather overrated; UTF-8."""
_LEAST_ANSWER = 200
"""Tokens below which no answer is worth asking for."""

_Shape = TypeVar("_Shape", bound=BaseModel)


class EndpointError(NarratorError):
    """The endpoint failed, refused or did not answer in time."""


class BudgetError(NarratorError):
    """The token budget is spent."""


class Strict(BaseModel):
    """Strict structured output wants closed objects whose fields are all required."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def tokens_of(text: str) -> int:
    """About how many tokens a text is, rather more than less."""
    return len(text.encode()) // _BYTES_PER_TOKEN


class Endpoint:
    """The endpoint of the settings, and what it has cost.

    Args:
        settings: ``llm_url``, ``llm_model``, ``llm_timeout_seconds``, and in ``llm_secret_name``
            the environment variable that holds the key (a server of one's own may need none).
        most: tokens, both ways, that all questions together may use.
        setting: the environment variable that bounds them, for errors.
    """

    def __init__(self, settings: Settings, most: int, setting: str = "WEIR_LLM_MAX_TOKENS") -> None:
        self._settings, self._most, self._setting = settings, most, setting
        self.usage = Usage()

    def ask(
        self,
        rules: str,
        data: dict[str, Any],
        shape: type[_Shape],
        name: str,
        answer_tokens: int | None = None,
    ) -> _Shape:
        """Ask once.

        Args:
            rules: the instructions.
            data: what the answer is about.
            shape: of the answer.
            name: of the shape, for the endpoint.
            answer_tokens: that the answer may have; None: all that is left.

        Raises:
            AnswerError: the answer has another shape.
            EndpointError: the endpoint failed.
            BudgetError: the budget does not suffice.
        """
        return _parse(shape, self._ask(rules, data, shape, name, answer_tokens))

    def _ask(
        self,
        rules: str,
        data: dict[str, Any],
        shape: type[BaseModel],
        name: str,
        answer_tokens: int | None,
    ) -> str:
        # Here, for the client takes long to import and a template needs none.
        import openai

        settings = self._settings
        content = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
        messages = f"{rules}{content}{json.dumps(shape.model_json_schema())}"
        expected = tokens_of(messages)
        left = self._most - self.usage.tokens
        if left - expected < _LEAST_ANSWER:
            raise BudgetError(
                f"of {self._most} tokens {max(left, 0)} are left, too few for a call "
                f"of about {expected}",
                f"raise {self._setting}",
            )
        client = openai.OpenAI(
            base_url=settings.llm_url,
            # The client wants some key; a server of one's own may want none.
            api_key=find_secret(settings.llm_secret_name) or "none",
            timeout=settings.llm_timeout_seconds,
            max_retries=RETRIES,
        )
        began = time.monotonic()
        try:
            with client:
                answer = client.chat.completions.create(
                    model=settings.llm_model,
                    messages=[
                        {"role": "system", "content": rules},
                        {"role": "user", "content": f"<data>\n{content}\n</data>"},
                    ],
                    max_completion_tokens=min(left - expected, answer_tokens or left),
                    response_format={
                        "type": "json_schema",
                        "json_schema": {
                            "name": name,
                            "strict": True,
                            "schema": shape.model_json_schema(),
                        },
                    },
                )
        # A body that is no JSON reaches us as the parser's own error.
        except (openai.OpenAIError, ValueError) as error:
            # Only the kind of failure: a server's message may quote the key or the prompt.
            kind = f"{type(error).__name__} {getattr(error, 'status_code', '')}".strip()
            raise EndpointError(
                f"the model endpoint failed ({kind})",
                f"check WEIR_LLM_URL, WEIR_LLM_MODEL and {settings.llm_secret_name}",
            ) from error
        text, ended = _content(answer)
        self._count(answer, expected, text, time.monotonic() - began)
        if self.usage.tokens > self._most:
            raise BudgetError(
                f"the model used {self.usage.tokens} tokens of {self._most}",
                f"raise {self._setting}",
            )
        if ended == "length":
            raise BudgetError("the model's answer was cut off", f"raise {self._setting}")
        return text

    def _count(self, answer: Any, expected: int, text: str, seconds: float) -> None:
        """Add a call to the usage; estimated where the server does not tell."""
        told = getattr(answer, "usage", None)
        written = tokens_of(text)
        self.usage += Usage(
            prompt_tokens=getattr(told, "prompt_tokens", None) or expected,
            completion_tokens=getattr(told, "completion_tokens", None) or written,
            calls=1,
            seconds=seconds,
        )


def _content(answer: Any) -> tuple[str, str]:
    """The text of an answer and why it ended; empty where the answer has another shape.

    The client does not check what a server sends: a page instead of JSON is a plain text here.
    """
    choices = getattr(answer, "choices", None)
    choice = choices[0] if isinstance(choices, list) and choices else None
    content = getattr(getattr(choice, "message", None), "content", None)
    return (content if isinstance(content, str) else ""), getattr(choice, "finish_reason", "")


def _parse(shape: type[_Shape], text: str) -> _Shape:
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise AnswerError(f"the model's answer: {place}: {first['msg']}") from error
