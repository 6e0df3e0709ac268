"""What the body of a delivery is: a JSON object, a form, a packet of IDocs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from platform_assets.connectors.idoc import NoIdocError, rows_in
from platform_assets.connectors.seam.documents import WIDEST

FORM: Final = "application/x-www-form-urlencoded"
XML_TYPES: Final = ("text/xml", "application/xml", "application/x-sap.idoc")

Read = tuple[Sequence[Mapping[str, Any]], bytes, str]
"""The rows that a body is, its text, and why it is none, or empty."""


def json_object(headers: Mapping[str, str], body: bytes) -> Read:
    """The body as a JSON object and its text, or why it is none."""
    text = body
    if headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        fields = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        # GitHub and Slack put the JSON into one field.
        text = fields["payload"].encode() if "payload" in fields else orjson.dumps(fields)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return (), body, f"the body is no JSON: {error}"
    if not isinstance(document, dict):
        return (), body, f"the body is JSON, but no object: {type(document).__name__}"
    if len(document) > WIDEST:
        return (), body, f"{len(document)} top-level fields; at most {WIDEST} are taken"
    return (document,), text, ""


def idocs(segment: str, headers: Mapping[str, str], body: bytes) -> Read:
    """The rows of a packet of IDocs, or why it is none.

    Args:
        segment: see :func:`~...idoc.rows_of`.
        headers: of the request.
        body: its bytes.
    """
    del headers
    try:
        # Whatever the encoding: the rows are text, and the packet itself is not kept.
        return rows_in(body, segment), b"", ""
    except NoIdocError as error:
        return (), body, str(error)
