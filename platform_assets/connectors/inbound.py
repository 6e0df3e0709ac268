"""Personal values on their way in: hashed or masked before they reach the log.

Where a contract says so (``inbound`` of a column); after its types, in every mapping.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from platform_assets.contracts.model import Column
from platform_assets.core.secrets import read_secret

SALT = "WEIR_INBOUND_SALT"
"""Name of the secret that keys the hashes: without it a digest of an e-mail could be guessed."""


def keyed_digests(values: Sequence[str | None], salt: str) -> list[str | None]:
    """HMAC-SHA256 of texts in hex; each different one is computed once.

    Args:
        values: of many rows.
        salt: name of the secret that keys them.

    Raises:
        SecretError: there is no such secret.
    """
    key = read_secret(salt).encode()
    unique = {value for value in values if value is not None}
    known = {one: hmac.new(key, one.encode(), hashlib.sha256).hexdigest() for one in unique}
    return [None if value is None else known[value] for value in values]


def protected(column: Column, values: Sequence[str | None]) -> list[str | None]:
    """A column's values as they may be kept; as they are where the contract asks for nothing.

    Args:
        column: of a contract; text, where it asks for anything.
        values: of many rows.

    Returns:
        For ``hash`` a keyed digest (HMAC-SHA256, hex), the same for the same value; for ``mask``
        the first character and three stars, whatever the length.

    Raises:
        SecretError: there is no salt.
    """
    if column.inbound == "hash":
        return keyed_digests(values, SALT)
    if column.inbound == "mask":
        return [None if value is None else f"{value[:1]}***" for value in values]
    return list(values)
