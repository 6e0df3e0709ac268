"""Recipients: the three forms, and what is none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.recipients import Channel, Recipient, RecipientError


@pytest.mark.parametrize(
    ("text", "channel", "address"),
    [
        ("mailto:board@example.com", Channel.MAIL, "board@example.com"),
        ("mailto:o'hara+kpi@sub.example.com", Channel.MAIL, "o'hara+kpi@sub.example.com"),
        ("slack:#board", Channel.SLACK, "#board"),
        ("slack:C0123456789", Channel.SLACK, "C0123456789"),
        ("portal:reader", Channel.PORTAL, "reader"),
    ],
)
def test_each_form_is_read_and_written_back(text: str, channel: Channel, address: str) -> None:
    recipient = Recipient.parse(text)
    assert recipient == Recipient(channel, address)
    assert str(recipient) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "board@example.com",
        "mail:board@example.com",
        "mailto:",
        "mailto:board",
        "mailto:@example.com",
        "mailto:board@",
        "mailto:a@example.com,b@example.com",
        "mailto:a@example.com b@example.com",
        "mailto:a@example.com\nBcc: b@example.com",
        "mailto:a@example.com?bcc=b@example.com",
        "mailto:Board <board@example.com>",
        'mailto:"a b"@example.com',
        "mailto:a\x00@example.com",
        "mailto:a..b@example.com",
        "slack:board",
        "slack:#board room",
        "slack:#",
        "slack:<!channel>",
        "portal:",
        "portal:Reader",
        "portal:../admin",
    ],
)
def test_anything_else_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(
        RecipientError, match="is not a recipient; write it as mailto:board@"
    ) as error:
        Recipient.parse(text)
    assert repr(text) in error.value.message


@given(st.sampled_from(Channel), st.text(max_size=40))
def test_what_is_accepted_is_one_line_and_one_address(channel: Channel, address: str) -> None:
    text = f"{channel}:{address}"
    try:
        recipient = Recipient.parse(text)
    except RecipientError:
        return
    assert str(recipient) == text
    assert Recipient.parse(str(recipient)) == recipient
    assert not any(c.isspace() or c in ",;<>" or not c.isprintable() for c in recipient.address)


@given(st.from_regex(r"[a-z0-9._+-]{1,12}@[a-z0-9.-]{1,12}", fullmatch=True))
def test_a_mail_address_that_is_accepted_can_be_a_header(address: str) -> None:
    from email.headerregistry import Address
    from email.message import EmailMessage

    try:
        recipient = Recipient.parse(f"mailto:{address}")
    except RecipientError:
        return
    mail = EmailMessage()
    mail["To"] = Address(addr_spec=recipient.address)
    assert [each.addr_spec for each in mail["To"].addresses] == [address]
