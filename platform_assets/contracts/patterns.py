"""Patterns of contracts: what every engine that runs them takes, and reads the same way.

A rule's pattern is run by three engines of regular expressions: Rust's (polars), Java's (Spark)
and Python's (pandas, in Great Expectations). Two are asked here, with the pattern wrapped as the
engines wrap it. pydantic's core carries the same crate as polars and is loaded already, so that
loading the definitions imports no polars; a test compares the two. Java is not asked: a JVM takes
a second to start. What it reads otherwise is a short list, and refused.
"""

from __future__ import annotations

import re
import warnings

from pydantic_core import SchemaError, SchemaValidator, core_schema

_ESCAPES = frozenset("dDwWsSbBAntrfxu")
"""Letters that mean the same after a backslash in all three."""
_FREE_SPACING = re.compile(r"\(\?[a-z-]*x")


class PatternError(ValueError):
    """A pattern that not every engine takes; says which one refuses it, and why."""


def check(pattern: str) -> None:
    """Refuse a pattern that one of the engines would refuse, or read otherwise.

    Raises:
        PatternError: which engine, and what is wrong.
    """
    _ask_python(pattern)
    # \\A and \\z as in silver/transform.py, \\Z as in quality/gx.py: a flag at the start, or a
    # comment at the end, may be fine alone and not in there.
    _ask_python(rf"\A(?:{pattern})\Z")
    _ask_rust(pattern)
    _ask_rust(rf"\A(?:{pattern})\z")
    _refuse_differences(pattern)


def _ask_python(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            # `[[a]`, `[a&&b]`, `[a--b]`: a set in Rust and Java, plain characters in Python.
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        hint = "; write (?i:…)" if "global flags" in str(error) else ""
        raise PatternError(f"Python refuses it: {error}{hint}") from error
    except Warning as warning:
        raise PatternError(f"read otherwise by Rust and Java: {warning}") from warning


def _ask_rust(pattern: str) -> None:
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith("error:")), lines[-1])
        reason = reason.removeprefix("error:").removeprefix("SchemaError:").strip()
        raise PatternError(f"polars refuses it: {reason}") from error


def _refuse_differences(pattern: str) -> None:
    if re.compile(pattern).groupindex:
        raise PatternError("Java refuses (?P<name>…); a rule needs no named group: write (?:…)")
    escaped = False
    for place, character in enumerate(pattern):
        if escaped:
            escaped = False
            if character in "<>" or (character.isalnum() and character not in _ESCAPES):
                raise PatternError(f"\\{character} does not mean the same in every engine")
            if character in "bB" and pattern.startswith("{", place + 1):
                raise PatternError(f"\\{character}{{ does not mean the same in every engine")
        elif character == "\\":
            escaped = True
        elif character == "+" and place and pattern[place - 1] in "*+?}":
            # Python and Java: give nothing back; Rust: repeat the repetition.
            if not _is_literal(pattern, place - 1):
                raise PatternError("a possessive repetition does not mean the same in every engine")
        elif (
            pattern.startswith("(?", place)
            and "x" in pattern[place + 2 :].split(":", maxsplit=1)[0][:5]
        ):
            raise PatternError("the flag x (free spacing) does not mean the same in every engine")


def _is_literal(pattern: str, place: int) -> bool:
    """Whether the character there is escaped, or inside square brackets."""
    inside, escaped = False, False
    for index, character in enumerate(pattern[: place + 1]):
        if escaped:
            escaped = False
            if index == place:
                return True
        elif character == "\\":
            escaped = True
        elif character == "[":
            inside = True
        elif character == "]":
            inside = False
    return inside
