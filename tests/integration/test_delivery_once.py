"""Delivery on a real PostgreSQL: once, whatever runs, fails or dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import psycopg
import pytest

from platform_assets.core.databases import DatabaseError, connect
from platform_assets.core.settings import Settings
from platform_assets.messaging.transport import Receipt, RefusedError, RetryPolicy, TemporaryError
from reports.assets.report import build_report_assets
from reports.definition import load_definitions
from reports.delivery import send
from reports.delivery.log import DATABASE, BusyError, DeliveryLog
from reports.delivery.message import Message, NoPdfError
from reports.delivery.model import Delivery, Key, State
from reports.delivery.send import Outcome, Result, deliver
from reports.document import Report
from reports.recipients import Recipient
from reports.store import ReportStore
from tests.peer import Answer, scripted
from tests.unit.test_delivery_message import report, stored
from tests.unit.test_delivery_slack import Slack
from tests.unit.test_delivery_smtp import Inbox, serving

QUICK = RetryPolicy(attempts=3, pause=0.001, longest=0.01)
BOARD = Recipient.parse("mailto:board@example.com")
READER = Recipient.parse("portal:reader")


@pytest.fixture
def document(stack: Settings) -> Report:
    """A report of this test's own, its PDF in the store."""
    made = report(name=f"report-{uuid.uuid4().hex[:8]}")
    stored(stack, made)
    return made


def to(settings: Settings, places: dict[str, Any]) -> Settings:
    return settings.model_copy(update={**places, "mail_from": "weir@example.com"})


def row(settings: Settings, document: Report, recipient: Recipient = BOARD) -> Delivery:
    [found] = DeliveryLog(settings).find(report=document.name, recipient=str(recipient))
    return found


def results(outcomes: list[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def test_each_recipient_gets_it_once_and_is_on_record(stack: Settings, document: Report) -> None:
    inbox = Inbox()
    with serving(inbox) as places:
        settings = to(stack, places)
        first = deliver(document, [BOARD, READER, BOARD], settings, policy=QUICK)
        again = deliver(document, [BOARD, READER], settings, policy=QUICK)
    assert results(first) == [Result.SENT, Result.SENT]
    assert results(again) == [Result.ALREADY_SENT, Result.ALREADY_SENT]
    assert len(inbox.mails) == 1
    found = row(stack, document)
    assert (found.state, found.attempts, found.sendings) == (State.SENT, 1, 1)
    assert found.message_id == inbox.mails[0]["Message-ID"] == first[0].message_id
    assert found.document_digest == send.digest_of(document)
    assert found.sent_at is not None


def test_sending_again_is_asked_for_and_has_an_id_of_its_own(
    stack: Settings, document: Report
) -> None:
    inbox = Inbox()
    changed = document.model_copy(update={"title": "Mended"})
    with serving(inbox) as places:
        settings = to(stack, places)
        deliver(document, [BOARD], settings, policy=QUICK)
        [kept] = deliver(changed, [BOARD], settings, policy=QUICK)
        [sent] = deliver(changed, [BOARD], settings, resend=True, policy=QUICK)
        [after] = deliver(changed, [BOARD], settings, policy=QUICK)
    assert (kept.result, "another document" in kept.detail) == (Result.ALREADY_SENT, True)
    assert sent.result is Result.SENT
    assert (after.result, after.detail) == (Result.ALREADY_SENT, "")
    assert len({mail["Message-ID"] for mail in inbox.mails}) == len(inbox.mails) == 2
    found = row(stack, document)
    assert (found.sendings, found.attempts) == (2, 1)


def test_two_runs_at_once_send_once(stack: Settings, document: Report) -> None:
    inbox = Inbox()
    with serving(inbox) as places, ThreadPoolExecutor(6) as pool:
        settings = to(stack, places)
        barrier = threading.Barrier(6)

        def run() -> Result:
            barrier.wait(30)
            return deliver(document, [BOARD], settings, policy=QUICK)[0].result

        made = [each.result(60) for each in [pool.submit(run) for _ in range(6)]]
    assert len(inbox.mails) == 1
    assert sorted(made) == sorted([Result.SENT] + [Result.ALREADY_SENT] * 5)


def test_a_run_that_takes_too_long_is_waited_for_only_so_long(
    stack: Settings, document: Report
) -> None:
    key = Key(document.name, document.period, str(BOARD))
    log = DeliveryLog(stack)
    short = RetryPolicy(attempts=1, pause=0.001, longest=0.01)
    impatient = stack.model_copy(update={"request_timeout_seconds": 0.05})
    with log.turn(key, 10):
        with pytest.raises(BusyError), log.turn(key, 0.05):
            pytest.fail("two had their turn")
        [outcome] = deliver(document, [BOARD], impatient, policy=short)
    assert outcome.result is Result.BUSY
    assert log.find(report=document.name) == []


def test_451_is_tried_again_in_the_same_run(stack: Settings, document: Report) -> None:
    inbox = Inbox(data=["451 later", "250 OK"])
    with serving(inbox) as places:
        [outcome] = deliver(document, [BOARD], to(stack, places), policy=QUICK)
    assert (outcome.result, outcome.attempts) == (Result.SENT, 2)
    assert row(stack, document).last_error == ""


def test_550_is_dead_at_once_and_the_others_are_served(stack: Settings, document: Report) -> None:
    inbox = Inbox(rcpt=["550 no such user"])
    other = Recipient.parse("portal:reader")
    with serving(inbox) as places:
        settings = to(stack, places)
        outcomes = deliver(document, [BOARD, other], settings, policy=QUICK)
        [again] = deliver(document, [BOARD], settings, policy=QUICK)
    assert results(outcomes) == [Result.DEAD, Result.SENT]
    assert "550 no such user" in outcomes[0].detail
    assert (again.result, inbox.sessions) == (Result.DEAD, 1), "a dead one is not tried again"
    found = row(stack, document)
    assert (found.state, found.attempts, found.sent_at) == (State.DEAD, 1, None)


def test_a_server_that_is_down_makes_it_dead_and_a_retry_sends_it(
    stack: Settings, document: Report
) -> None:
    down = {"smtp_host": "127.0.0.1", "smtp_port": 9, "smtp_tls": False}
    [outcome] = deliver(document, [BOARD], to(stack, down), policy=QUICK)
    assert (outcome.result, outcome.attempts) == (Result.DEAD, QUICK.attempts)
    log = DeliveryLog(stack)
    first_id = row(stack, document).message_id
    assert log.retry_dead(report=document.name, recipient="portal:reader") == []
    assert log.retry_dead(report=document.name) == [Key(document.name, document.period, str(BOARD))]
    assert row(stack, document).state is State.FAILED
    inbox = Inbox()
    with serving(inbox) as places:
        [sent] = deliver(document, [BOARD], to(stack, places), policy=QUICK)
    assert (sent.result, sent.attempts) == (Result.SENT, 1)
    assert inbox.mails[0]["Message-ID"] == first_id


def test_a_held_report_goes_nowhere_until_it_is_free(stack: Settings, document: Report) -> None:
    held = document.model_copy(update={"held": "net_sales broke a rule"})
    inbox = Inbox()
    with serving(inbox) as places:
        settings = to(stack, places)
        [outcome] = deliver(held, [BOARD], settings, resend=True, policy=QUICK)
        assert (outcome.result, outcome.detail) == (Result.HELD, "net_sales broke a rule")
        found = row(stack, document)
        assert (found.state, found.attempts) == (State.HELD, 0)
        assert found.last_error == "net_sales broke a rule"
        assert inbox.mails == []
        assert results(deliver(document, [BOARD], settings, policy=QUICK)) == [Result.SENT]
        deliver(held, [BOARD], settings, policy=QUICK)
    assert row(stack, document).state is State.SENT, "what went out stays on record"


def test_a_dry_run_sends_and_records_nothing(stack: Settings, document: Report) -> None:
    inbox = Inbox()
    with serving(inbox) as places:
        settings = to(stack, places)
        [outcome] = deliver(document, [BOARD], settings, dry_run=True)
        assert outcome.result is Result.WOULD_SEND
        assert DeliveryLog(stack).find(report=document.name) == []
        deliver(document, [BOARD], settings, policy=QUICK)
        [after] = deliver(document, [BOARD], settings, dry_run=True)
    assert after.result is Result.ALREADY_SENT
    assert len(inbox.mails) == 1


def test_without_its_pdf_nothing_is_begun(stack: Settings) -> None:
    bare = report(name=f"report-{uuid.uuid4().hex[:8]}")
    with pytest.raises(NoPdfError):
        deliver(bare, [BOARD], stack)
    assert DeliveryLog(stack).find(report=bare.name) == []


def test_the_asset_s_check_names_who_has_not_had_it_and_what_to_do(
    stack: Settings, document: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = load_definitions()["weekly-commerce"].model_copy(
        update={"name": document.name, "recipients": (str(BOARD), str(READER))}
    )
    delivery = build_report_assets(definition, list)[-1]
    ReportStore(stack).save(document)
    inbox = Inbox(rcpt=["550 no such user"])

    def made(**config: bool) -> dg.AssetCheckEvaluation:
        ops = {delivery.op.name: {"config": config}}
        done = dg.materialize([delivery], partition_key="2010-12-13", run_config={"ops": ops})
        assert done.success
        [evaluation] = done.get_asset_check_evaluations()
        return evaluation

    with serving(inbox) as places:
        settings = to(stack, places)
        monkeypatch.setattr("platform_assets.core.settings.get_settings", lambda: settings)
        asked = made(send=False)
        dead = made()
        DeliveryLog(stack).retry_dead(report=document.name)
        sent = made()
    for found, said in (
        (asked, [f"{BOARD}: would send", f"{READER}: would send", "send: true"]),
        (dead, [f"{BOARD}: dead: ", "550 no such user", "weir deliveries retry", str(BOARD)]),
    ):
        assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert all(part in str(found.metadata["undelivered"].value) for part in said)
    assert str(READER) not in str(dead.metadata["undelivered"].value)
    assert sent.passed
    assert len(inbox.mails) == 1


class Dying:
    """A way out whose process dies right after the other side took the message."""

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        raise KeyboardInterrupt


def test_a_crash_after_sending_leaves_pending_and_repeats_the_message_id(
    stack: Settings, document: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "transport_for", lambda *_: Dying())
    with pytest.raises(KeyboardInterrupt):
        deliver(document, [BOARD], stack, policy=QUICK)
    monkeypatch.undo()
    left = row(stack, document)
    assert (left.state, left.attempts) == (State.PENDING, 1)
    inbox = Inbox()
    with serving(inbox) as places:
        settings = stack.model_copy(update=places)
        [outcome] = deliver(document, [BOARD], settings, policy=QUICK)
    assert (outcome.result, outcome.attempts) == (Result.SENT, 2)
    assert inbox.mails[0]["Message-ID"] == left.message_id


def test_the_turn_of_a_process_that_was_killed_is_free(stack: Settings, document: Report) -> None:
    key = Key(document.name, document.period, str(BOARD))
    script = (
        "import sys, time\n"
        "from platform_assets.core.settings import get_settings\n"
        "from reports.delivery.log import DeliveryLog, Key\n"
        "with DeliveryLog(get_settings()).turn(Key(*sys.argv[1:]), 10):\n"
        "    print('mine', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, *key], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(BusyError), DeliveryLog(stack).turn(key, 0.05):
            pass
        other.kill()
    with DeliveryLog(stack).turn(key, 30):
        pass


def test_while_it_waits_for_the_next_attempt_the_record_says_failed(
    stack: Settings, document: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[State, int]] = []

    class Slow:
        def send(self, message: Message, address: str, message_id: str) -> Receipt:
            found = row(stack, document)
            seen.append((found.state, found.attempts))
            if len(seen) < 3:
                raise TemporaryError("busy", "wait")
            raise RefusedError("no")

    real = DeliveryLog.end
    ends: list[State] = []

    def spy(self: DeliveryLog, key: Key, state: State, *rest: str) -> None:
        ends.append(state)
        real(self, key, state, *rest)

    monkeypatch.setattr(DeliveryLog, "end", spy)
    monkeypatch.setattr(send, "transport_for", lambda *_: Slow())
    deliver(document, [BOARD], stack, policy=QUICK)
    assert seen == [(State.PENDING, 1), (State.PENDING, 2), (State.PENDING, 3)]
    assert ends == [State.FAILED, State.FAILED, State.DEAD]


def test_the_database_is_made_where_there_is_none_and_a_dead_one_is_named(
    stack: Settings,
) -> None:
    DeliveryLog(stack)
    with psycopg.connect(stack.postgres_dsn("postgres"), connect_timeout=10) as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    assert "reports" in names
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9 .*start it \(weir up\)") as error:
        DeliveryLog(stack.model_copy(update={"postgres_port": 9}))
    assert stack.postgres_password() not in str(error.value)


def test_a_log_that_hangs_is_left_and_said(stack: Settings, document: Report) -> None:
    quick = stack.model_copy(update={"request_timeout_seconds": 0.1})
    log, hasty = DeliveryLog(stack), DeliveryLog(quick)
    with connect(stack, DATABASE) as connection, connection.transaction():
        connection.execute("LOCK TABLE deliveries")
        with pytest.raises(DatabaseError, match="statement timeout"):
            hasty.find(report=document.name)
    assert log.find(report=document.name) == []


def weir(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The room's commands, on an application of their own."""
    script = (
        "import typer, sys\n"
        "from platform_assets.cli.app import fail\n"
        "from platform_assets.core.errors import WeirError\n"
        "from platform_assets.cli.deliveries import register\n"
        "app = typer.Typer(pretty_exceptions_enable=False)\n"
        "app.callback()(lambda: None)\n"
        "register(app)\n"
        "try:\n    app()\n"
        "except WeirError as error:\n    fail(error.message, error.hint)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "deliveries", *arguments],
        env=os.environ | {"COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_commands_list_and_retry(stack: Settings, document: Report) -> None:
    ReportStore(stack).save(document)
    deliver(document, [BOARD], stack, policy=QUICK)
    listed = weir("list", "--report", document.name, "--state", "dead", "--json")
    assert listed.returncode == 0, listed.stderr
    [shown] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (shown["recipient"], shown["state"]) == (str(BOARD), "dead")
    assert "WEIR_SMTP_HOST" in shown["last_error"]
    dry = weir("retry", "--report", document.name, "--dry-run")
    assert str(BOARD) in dry.stdout
    still = weir("retry", "--report", document.name)
    assert still.returncode == 1
    assert "1 of 1 not sent" in still.stderr
    inbox = Inbox()
    with serving(inbox) as places:
        sent = weir(
            "retry",
            "--report",
            document.name,
            WEIR_SMTP_HOST="127.0.0.1",
            WEIR_SMTP_PORT=str(places["smtp_port"]),
            WEIR_SMTP_TLS="false",
        )
    assert sent.returncode == 0, sent.stderr
    assert f"{BOARD}: sent" in sent.stdout
    assert len(inbox.mails) == 1
    none = weir("retry", "--report", document.name)
    assert "No matching dead delivery." in none.stdout
    wrong = weir("list", "--state", "lost")
    assert wrong.returncode == 1
    assert "one of pending, sent" in wrong.stderr


def test_a_report_that_is_gone_is_said_and_stays_dead(stack: Settings, document: Report) -> None:
    deliver(document, [BOARD], stack, policy=QUICK)
    done = weir("retry", "--report", document.name)
    assert done.returncode == 1
    assert "no report" in done.stdout
    assert row(stack, document).state is State.DEAD


def test_mail_goes_by_sendgrid_where_it_is_set_and_slack_is_waited_for(
    stack: Settings, document: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_SENDGRID_KEY", "SG.key")
    monkeypatch.setenv("WEIR_SLACK_TOKEN", "xoxb-s3cret")
    limited = Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"})
    fake = Slack(chat_postMessage=[limited])
    channel = Recipient.parse("slack:#board")
    with scripted(Answer(500), Answer(202)) as mail, fake.peer.serving() as peer:
        settings = to(stack, {"sendgrid_url": mail.url, "slack_url": peer.url})
        outcomes = deliver(document, [BOARD, channel], settings, policy=QUICK)
    assert [(each.result, each.attempts) for each in outcomes] == [(Result.SENT, 2)] * 2
    assert len(mail.requests) == 2
    assert len(fake.posted) == 1
    assert row(stack, document, channel).message_id == "C0000000001/1.2"
