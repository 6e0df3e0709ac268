"""Recipients as a report's definition writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import MessageError
from enum import StrEnum

from platform_assets.core.errors import WeirError

_EXPECTED = (
    "write it as mailto:board@example.com, slack:#board (or a Slack id, slack:C0123456789), "
    "or portal:reader"
)
_SLACK_CHANNEL = re.compile(r"#[\w-]{1,80}")
_SLACK_ID = re.compile(r"[CGDUW][A-Z0-9]{8,20}")
_PORTAL_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
# Quoted local parts are legal and never needed; they may hold commas and line breaks.
_PLAIN_MAIL = re.compile(r"[^\s,;:<>()\[\]\"\\?@]{1,64}@[^\s,;:<>()\[\]\"\\?@]{1,253}")


class Channel(StrEnum):
    """How a recipient is reached."""

    MAIL = "mailto"
    SLACK = "slack"
    PORTAL = "portal"


class RecipientError(WeirError):
    """A text names no recipient."""


@dataclass(frozen=True)
class Recipient:
    """One recipient.

    Attributes:
        channel: how it is reached.
        address: a mail address, a Slack channel or id, or a role of the portal.
    """

    channel: Channel
    address: str

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """The recipient that a text such as ``mailto:board@example.com`` names.

        Raises:
            RecipientError: unknown channel, or no address of that channel.
        """
        scheme, _, address = text.partition(":")
        valid = False
        match scheme:
            case Channel.MAIL:
                valid = _is_mail(address)
            case Channel.SLACK:
                valid = bool(_SLACK_CHANNEL.fullmatch(address) or _SLACK_ID.fullmatch(address))
            case Channel.PORTAL:
                valid = bool(_PORTAL_ROLE.fullmatch(address))
        if not valid:
            raise RecipientError(f"{text!r} is not a recipient", _EXPECTED)
        return cls(Channel(scheme), address)

    def __str__(self) -> str:
        return f"{self.channel}:{self.address}"


def _is_mail(address: str) -> bool:
    if not _PLAIN_MAIL.fullmatch(address) or not address.isprintable():
        return False
    # Its import takes a tenth of a second, and few definitions name a mail address.
    from email.headerregistry import Address

    try:
        return Address(addr_spec=address).addr_spec == address
    except (MessageError, ValueError, IndexError):
        return False
