"""Java's ``.properties`` files, in which a backslash and a leading blank mean something."""

from __future__ import annotations

from collections.abc import Mapping


def java_properties(pairs: Mapping[str, object]) -> str:
    """One ``key=value`` a line; values are read back as they were given.

    Args:
        pairs: keys (plain names) and values.
    """
    return "".join(f"{key}={_escape(str(value))}\n" for key, value in pairs.items())


def _escape(value: str) -> str:
    text = value.replace("\\", "\\\\")
    for plain, escaped in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\f", "\\f")):
        text = text.replace(plain, escaped)
    if text.startswith(" "):
        text = f"\\{text}"
    # As UTF-16 units: readers differ in the encoding they expect of the file.
    return "".join(
        character if " " <= character <= "~" else _units(character) for character in text
    )


def _units(character: str) -> str:
    encoded = character.encode("utf-16-be")
    return "".join(f"\\u{encoded[at : at + 2].hex()}" for at in range(0, len(encoded), 2))
