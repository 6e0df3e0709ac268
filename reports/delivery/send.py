"""Sending a report: each recipient once, retried, recorded.

An attempt is recorded before it is made and its end after. A crash between the other side's "yes"
and the record leaves ``pending``: the next run sends again, under the same Message-ID, by which
mail servers and clients can drop the double; Slack cannot. Nothing is lost either way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from platform_assets.core.preload import preload
from platform_assets.core.settings import Settings
from platform_assets.messaging.transport import Receipt, RetryPolicy, SendError
from reports.delivery.channels import ByMail, ByPortal, BySlack, Way
from reports.delivery.log import BusyError, DeliveryLog
from reports.delivery.message import Message, compose, message_id_of
from reports.delivery.model import Delivery, Key, State
from reports.document import Report
from reports.recipients import Channel, Recipient
from reports.store import PDF, ReportStore

PATIENCE = RetryPolicy(attempts=5, pause=2.0, longest=60.0)
"""A report may wait minutes for a server; nobody waits for its sender."""
PARALLEL = 4
"""Recipients served at a time: a slow one does not keep the others waiting."""


class Result(StrEnum):
    """What one call did for one recipient."""

    SENT = "sent"
    ALREADY_SENT = "already sent"
    DEAD = "dead"
    HELD = "held"
    BUSY = "busy"
    """Another run is sending it, and took longer than this one waits."""
    WOULD_SEND = "would send"
    """Only in a dry run."""


@dataclass(frozen=True)
class Outcome:
    """What one call did for one recipient.

    Attributes:
        recipient: who.
        result: what.
        detail: why, or what is missing from what was sent; may be empty.
        attempts: attempts of the current sending so far.
        message_id: as the other side knows it; empty where nothing went out.
    """

    recipient: Recipient
    result: Result
    detail: str = ""
    attempts: int = 0
    message_id: str = ""


def deliver(
    report: Report,
    recipients: Sequence[Recipient],
    settings: Settings,
    *,
    resend: bool = False,
    dry_run: bool = False,
    policy: RetryPolicy | None = None,
) -> list[Outcome]:
    """Send a finished report to each recipient who has not had it.

    Args:
        report: the document; its PDF is in the store.
        recipients: from the report's definition; one named twice is served once.
        settings: servers, names of secrets, timeouts.
        resend: send again what was sent, and try again what is dead.
        dry_run: say what would be sent; connects to nothing but the log, and writes nothing.
        policy: how temporary failures are tried again.

    Returns:
        One outcome a recipient, in their order. A recipient who cannot be reached is an outcome,
        not an error: the others are served.

    Raises:
        NoPdfError: there is nothing to attach.
        DatabaseError: PostgreSQL does not answer; nothing was sent to those not yet recorded.
    """
    job = _Job(report, settings, policy or PATIENCE, resend=resend)
    served = list(dict.fromkeys(recipients))
    if dry_run:
        return [job.foresee(recipient) for recipient in served]
    if report.held:
        return [job.hold(recipient) for recipient in served]
    # Composed before the first goes out: where that fails, nobody has had anything.
    pdf = ReportStore(settings).path(report.name, report.period, PDF)
    message = compose(report, pdf, settings)
    preload(("httpx", "slack_sdk", "slack_sdk.errors", "psycopg"))
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="delivery") as pool:
        return list(pool.map(lambda recipient: job.serve(recipient, message), served))


def undelivered(report: Report, outcomes: Sequence[Outcome]) -> list[str]:
    """Who has not had the report, why, and what to do: a sentence a recipient."""
    return [
        f"{outcome.recipient}: {outcome.result}: {_remedy(report, outcome)}"
        for outcome in outcomes
        if outcome.result not in (Result.SENT, Result.ALREADY_SENT)
    ]


def _remedy(report: Report, outcome: Outcome) -> str:
    match outcome.result:
        case Result.DEAD:
            key = Key(report.name, report.period, str(outcome.recipient))
            return f"{outcome.detail}; fix the cause, then: {key.retry_command}"
        case Result.HELD:
            return f"{outcome.detail}; fix the data, then materialise the report again"
        case Result.WOULD_SEND:
            return "materialise the delivery with send: true"
        case _:
            return f"{outcome.detail}; see: weir deliveries list --report {report.name}"


def transport_for(channel: Channel, settings: Settings, policy: RetryPolicy) -> Way:
    """The way out to a channel."""
    match channel:
        case Channel.SLACK:
            return BySlack(settings, policy)
        case Channel.PORTAL:
            return ByPortal()
        case Channel.MAIL:
            return ByMail(settings)


def digest_of(report: Report) -> str:
    """SHA-256 of a document."""
    return hashlib.sha256(report.model_dump_json().encode()).hexdigest()


class _Job:
    """One report on its way to its recipients."""

    def __init__(
        self, report: Report, settings: Settings, policy: RetryPolicy, *, resend: bool
    ) -> None:
        self._report = report
        self._settings = settings
        self._policy = policy
        self._resend = resend
        self._digest = digest_of(report)
        self._log = DeliveryLog(settings)

    def foresee(self, recipient: Recipient) -> Outcome:
        """What a run without ``dry_run`` would do."""
        if self._report.held:
            return Outcome(recipient, Result.HELD, self._report.held)
        found = self._log.find(**self._key(recipient)._asdict())
        settled = self._settled(recipient, found[0]) if found else None
        return settled or Outcome(recipient, Result.WOULD_SEND)

    def hold(self, recipient: Recipient) -> Outcome:
        """Record that the report may not go out; what went out stays on record as sent."""
        key = self._key(recipient)
        with self._turn(key) as mine:
            if mine and self._log.enter(key).state is not State.SENT:
                self._log.end(key, State.HELD, self._report.held)
        return Outcome(recipient, Result.HELD, self._report.held)

    def serve(self, recipient: Recipient, message: Message) -> Outcome:
        """Send to one recipient, in turn with other runs."""
        key = self._key(recipient)
        with self._turn(key) as mine:
            if not mine:
                return Outcome(recipient, Result.BUSY, "another run is sending it")
            delivery = self._log.enter(key)
            return self._settled(recipient, delivery) or self._send(recipient, delivery, message)

    @contextmanager
    def _turn(self, key: Key) -> Iterator[bool]:
        """Whether it is this run's turn."""
        # As long as another run may take with a recipient: each attempt and each pause.
        patience = self._policy.attempts * (
            self._settings.request_timeout_seconds + self._policy.longest
        )
        with ExitStack() as held:
            try:
                held.enter_context(self._log.turn(key, patience))
            except BusyError:
                yield False
            else:
                yield True

    def _settled(self, recipient: Recipient, delivery: Delivery) -> Outcome | None:
        """The outcome of what needs no sending."""
        if self._resend or delivery.state not in (State.SENT, State.DEAD):
            return None
        if delivery.state is State.DEAD:
            return Outcome(recipient, Result.DEAD, delivery.last_error, delivery.attempts)
        another = delivery.document_digest != self._digest
        detail = "sent with another document; use --resend to send it again" if another else ""
        return Outcome(
            recipient, Result.ALREADY_SENT, detail, delivery.attempts, delivery.message_id
        )

    def _send(self, recipient: Recipient, delivery: Delivery, message: Message) -> Outcome:
        key = delivery.key
        again = self._resend and delivery.sent_at is not None
        sending = delivery.sendings + again
        attempts = 0 if again else delivery.attempts
        message_id = message_id_of(*key, sending=sending, sender=self._settings.mail_from)
        transport = transport_for(recipient.channel, self._settings, self._policy)

        def attempt() -> Receipt:
            nonlocal attempts
            attempts += 1
            self._log.begin(key, sending, self._digest, message_id)
            return transport.send(message, recipient.address, message_id)

        retrying = self._policy.retrying(lambda error: self._log.end(key, State.FAILED, str(error)))
        try:
            receipt = retrying(attempt)
        except SendError as error:
            self._log.end(key, State.DEAD, str(error))
            return Outcome(recipient, Result.DEAD, str(error), attempts)
        self._log.end(key, State.SENT, receipt.note, receipt.message_id)
        return Outcome(recipient, Result.SENT, receipt.note, attempts, receipt.message_id)

    def _key(self, recipient: Recipient) -> Key:
        return Key(self._report.name, self._report.period, str(recipient))
