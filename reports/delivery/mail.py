"""A message as mail: subject, plain text, HTML, the PDF (or the page) attached."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from platform_assets.messaging.mail import sender_of
from reports.delivery.message import Message


def text_of(message: Message) -> str:
    """The plain-text part."""
    parts = [
        f"{message.title}\n{message.period}",
        *message.notices,
        "\n".join(f"{figure.label}: {figure.value}" for figure in message.figures),
        *message.summary,
        f"{message.words.open_report}: {message.link}" if message.link else "",
        f"{message.attached} {message.data_until}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def html_of(message: Message) -> str:
    """The HTML part; every text is escaped."""
    return _template().render(m=message)


def mail_of(message: Message, mail_from: str, address: str, message_id: str) -> EmailMessage:
    """The whole mail to one address.

    Raises:
        RefusedError: ``mail_from`` is no address.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = message.subject
    mail["From"] = sender_of(mail_from)
    mail["To"] = Address(addr_spec=address)
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = message_id
    mail["Content-Language"] = message.language
    # RFC 3834: absence notices are not wanted.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text_of(message))
    mail.add_alternative(html_of(message), subtype="html")
    kind = ("text", "html") if message.is_page else ("application", "pdf")
    mail.add_attachment(message.pdf, maintype=kind[0], subtype=kind[1], filename=message.pdf_name)
    return mail


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("reports.delivery", "."), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("mail.html.j2")
