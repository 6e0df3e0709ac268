"""Bytes to text, whatever the file says of its encoding.

Belongs here: which encoding a text is in. Does not belong here: where a format declares it.
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases

from charset_normalizer import from_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
    "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
"""What senders mean by a name, by the WHATWG's Encoding Standard."""
_SEVEN_BITS = {"iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_kr", "hz", "utf-7"}
_WIDE = re.compile(r"utf[-_]?(16|32)")
_EAST_ASIAN = {"gb18030", "cp932", "cp949", "big5hkscs", "euc_jp", "johab", "cp950", "euc_jis_2004"}
_SAMPLE = 65_536
"""Bytes that a guess looks at."""

_WESTERN = {
    *map(chr, range(128)),
    *"äöüßÄÖÜéèêëàâçîïôùûÿœæñáíóúìòãõÁÍÓÚÉÈÊÀÂÃÕÇÎÔÑåøÅØÆ",
    *"€£¥§°±’‘‚“”„–—…•«»©®™·×÷½¼¾²³¹µºª¿¡´\xa0",  # noqa: RUF001
}
_ODD = re.compile(r"[A-Za-z][¹³¾¿¡]|[äöüéèêàâîôñåøÄÖÜÉÈÀÂÎÔÑÅØ]{3}")
"""Signs within words, and words of accents alone: another code page."""

_BY_LETTERS = {
    re.sub(r"[^a-z0-9]", "", name): target
    for alias, target in aliases.items()
    for name in (alias, target)
}


def decode(content: bytes, declared: str = "") -> tuple[str, str]:
    """The text of some bytes.

    In this order: a byte order mark; valid UTF-8 with letters beyond ASCII, which hardly any other
    text is by chance; what is declared, if the bytes can be that; a guess.

    Args:
        content: the bytes.
        declared: the encoding that the file names, in any spelling.

    Returns:
        The text; and what was wrong with the declaration, empty where nothing that matters was.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace"), ""
    known = _codec(declared)
    if known in _SEVEN_BITS or (known and _WIDE.match(known) and b"\0" in content):
        text = _strict(content, known)
        if text is not None:
            return text, ""
    if wide := _wide(content):
        return content.decode(wide, "replace"), ""
    text = _strict(content, "utf-8")
    if text is not None and not (known in _EAST_ASIAN and len(content) < len(text) + 6):
        lies = known and not known.startswith("utf") and not text.isascii()
        return text, _said(declared, "utf-8") if lies else ""
    if known:
        text = _strict(content, known)
        if text is not None:
            return text, ""
    guess = _guess(content)
    return content.decode(guess, "replace"), _said(declared, guess) if declared else ""


def _said(declared: str, used: str) -> str:
    return f"its encoding is named {declared[:40]!r} and was read as {used}"


def _codec(declared: str) -> str:
    """Python's name of an encoding; empty where nothing of that name is known."""
    name = declared.strip().strip("\"'").casefold().removeprefix("x-")
    letters = re.sub(r"[^a-z0-9]", "", name)
    numbered = re.fullmatch(r"(?:ansi|cp|dos|ibm|ms|win|windows)(\d{3,5})", letters)
    for tried in (name, f"cp{numbered[1]}" if numbered else letters, _BY_LETTERS.get(letters, "")):
        try:
            found = codecs.lookup(tried)
        except (LookupError, ValueError):
            continue
        # Codecs such as base64 and rot13 make no text of bytes; utf-8-sig is UTF-8.
        if not getattr(found, "_is_text_encoding", True):
            return ""
        return _MEANT.get(found.name, found.name)
    return ""


def _wide(content: bytes) -> str:
    """UTF-16 without a mark: every other byte of Latin text is zero."""
    sample = content[:4096]
    if sample.count(0) < len(sample) // 4 or len(sample) < 4:
        return ""
    odd, even = sample[1::2].count(0), sample[::2].count(0)
    if even * 10 < odd:
        return "utf-16-le"
    return "utf-16-be" if odd * 10 < even else ""


def _strict(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except (UnicodeError, ValueError):
        if name.startswith("cp125"):
            # Five bytes of windows-1252 mean nothing; browsers pass them through.
            text = content.decode(name, "replace")
            if text.count("\ufffd") * 100 <= len(text):
                return text
        return None


def _guess(content: bytes) -> str:
    sample = content[:_SAMPLE]
    # A few accents in a short text tell a guesser little; most such files are Western.
    western = sample.decode("cp1252", "replace")
    if not set(western).difference(_WESTERN) and not _ODD.search(western):
        return "cp1252"
    matches = from_bytes(sample)
    best = matches.best()
    # Of encodings that fit equally well, the one that most files are in.
    fitting = {name for one in matches for name in (one.encoding, *one.could_be_from_charset)}
    return "cp1252" if best is None or "cp1252" in fitting else best.encoding
