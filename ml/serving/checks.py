"""What a request must be: every field of the signature, of its type, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ml.store.artefact import Field, Signature
from platform_assets.core.errors import WeirError

KEY_LENGTH = 256
"""Most characters of a key."""
TEXT_LENGTH = 10_000
"""Most characters of a text."""
_LONG = 2**63
_SHOWN = 20
_FLOAT = {float}
_ROW = frozenset({"key", "inputs"})

Value = float | int | str | bool | None


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request.

    Attributes:
        field: where, e.g. ``inputs.recency_hours`` or ``rows[3].key``.
        rule: what must hold.
        got: what came instead: a type, or a short form of the value.
    """

    field: str
    rule: str
    got: str


class InputError(WeirError):
    """A request that breaks rules; carries each of them."""

    def __init__(self, problems: Sequence[Problem], hint: str) -> None:
        first = problems[0]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        super().__init__(f"{first.field}: {first.rule}, got {first.got}{more}", hint)
        self.problems = tuple(problems)

    def as_json(self) -> list[dict[str, str]]:
        """The problems, at most twenty, as JSON values."""
        return [asdict(problem) for problem in self.problems[:_SHOWN]]


class InputCheck:
    """The rules of one signature.

    ``double``: a finite number, whole ones too. ``long``: a 64-bit integer. ``string``:
    text of at most 10,000 characters. ``boolean``: true or false. Null (or nothing at all) only
    where the field is not required. Fields that the signature lacks are refused: a misspelt
    optional field would else be silently empty.
    """

    def __init__(self, signature: Signature) -> None:
        """Prepare the rules."""
        self._fields = signature.inputs
        self._order = [field.name for field in signature.inputs]
        self._names = frozenset(self._order)
        self._plain = all(field.type == "double" for field in signature.inputs)
        self._hint = "GET /v1/models/{model} shows the signature"

    def row(self, body: Mapping[str, object]) -> tuple[str, list[Value]]:
        """Key, and values in the signature's order (None for what is missing).

        Args:
            body: ``{"key": ..., "inputs": {...}}``.

        Raises:
            InputError: with every problem that there is.
        """
        inputs = body.get("inputs")
        if (
            self._plain
            and len(body) == 2
            and isinstance(inputs, dict)
            and inputs.keys() == self._names
        ):
            quick: list[Value] = [inputs[name] for name in self._order]
            # The usual request: all there, all of them finite floats, and a key. A sum with NaN
            # or infinity in it is not finite; one that overflows only takes the longer way.
            if set(map(type, quick)) == _FLOAT and math.isfinite(sum(quick)):  # type: ignore[arg-type]
                key = body.get("key")
                if not _key_problems(key, "key"):
                    return str(key), quick
        problems: list[Problem] = []
        found = self._row(body, "", problems)
        if problems:
            raise InputError(problems, self._hint)
        return found

    def rows(self, body: Mapping[str, object], limit: int) -> list[tuple[str, list[Value]]]:
        """Key and values of each row of a batch, ``{"rows": [...]}``.

        Raises:
            InputError: with the problems of all rows.
        """
        problems = _unknown(body, frozenset({"rows"}), "")
        rows = body.get("rows")
        if not isinstance(rows, list) or not 0 < len(rows) <= limit:
            got = f"{len(rows)} rows" if isinstance(rows, list) else kind(rows)
            problems.append(Problem("rows", f"a list of 1 to {limit} rows", got))
            raise InputError(problems, self._hint)
        found = [self._row(row, f"rows[{number}].", problems) for number, row in enumerate(rows)]
        if problems:
            raise InputError(problems, self._hint)
        return found

    def _row(self, body: object, where: str, problems: list[Problem]) -> tuple[str, list[Value]]:
        if not isinstance(body, dict):
            problems.append(
                Problem(where.rstrip(".") or "body", "an object of key and inputs", kind(body))
            )
            return "", []
        problems.extend(_unknown(body, _ROW, where))
        problems.extend(_key_problems(body.get("key"), f"{where}key"))
        return str(body.get("key")), self._checked(body.get("inputs"), f"{where}inputs", problems)

    def _checked(self, inputs: object, where: str, problems: list[Problem]) -> list[Value]:
        if not isinstance(inputs, dict):
            problems.append(Problem(where, "an object with a value for each field", kind(inputs)))
            return []
        found: list[Value] = []
        for field in self._fields:
            value = inputs.get(field.name)
            name = f"{where}.{field.name}"
            if value is None:
                if field.required:
                    missing = "null" if field.name in inputs else "nothing"
                    problems.append(Problem(name, f"required {field.type}", missing))
                found.append(None)
                continue
            if (rule := _RULES[field.type](value)) is not None:
                problems.append(Problem(name, rule, kind(value)))
            found.append(float(value) if _countable(field, value) else value)
        problems.extend(
            Problem(f"{where}.{str(name)[:100]}", "a field of the signature", "an unknown field")
            for name in inputs
            if name not in self._names
        )
        return found


def kind(value: object) -> str:
    """What a JSON value is, for people; never the value itself: it may be personal."""
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    if isinstance(value, str) and "\0" in value:
        return "a text with a zero character"
    return _KINDS.get(type(value), type(value).__name__)


def _key_problems(key: object, where: str) -> list[Problem]:
    if type(key) is str and 0 < len(key) <= KEY_LENGTH and "\0" not in key:
        return []
    got = f"{len(key)} characters" if isinstance(key, str) and "\0" not in key else kind(key)
    return [Problem(where, f"a text of 1 to {KEY_LENGTH} characters", got)]


def _unknown(body: Mapping[str, object], known: frozenset[str], where: str) -> list[Problem]:
    return [
        Problem(
            f"{where}{str(name)[:100]}", f"one of {', '.join(sorted(known))}", "an unknown field"
        )
        for name in body
        if name not in known
    ]


def _double(value: object) -> str | None:
    if type(value) is float and math.isfinite(value):
        return None
    # Whole numbers beyond the largest double cannot be converted.
    if type(value) is int and abs(value) < 1 << 1023:
        return None
    return "a finite number"


def _long(value: object) -> str | None:
    good = type(value) is int and -_LONG <= value < _LONG
    return None if good else "a 64-bit integer"


def _string(value: object) -> str | None:
    good = type(value) is str and len(value) <= TEXT_LENGTH and "\0" not in value
    return None if good else f"a text of at most {TEXT_LENGTH} characters"


def _boolean(value: object) -> str | None:
    return None if type(value) is bool else "true or false"


def _countable(field: Field, value: object) -> bool:
    return field.type == "double" and type(value) is int and abs(value) < 1 << 1023


_RULES: dict[str, Callable[[object], str | None]] = {
    "double": _double,
    "long": _long,
    "string": _string,
    "boolean": _boolean,
}
_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "whole number",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
    type(None): "null",
}
