"""Files sent through the real log: once, again, and after a crash half way."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_assets.connectors import files
from platform_assets.connectors.files import GivenFile, digest, ingest
from platform_assets.connectors.ingested import IngestedFiles, LedgerUnreachableError
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from tests.integration.test_inbound_topics import records_of

TOPIC = "retail.invoice_lines"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def lines(invoice: int, count: int = 5) -> str:
    return HEADER + "".join(
        f"{invoice},8512{number},LAMP,6,2010-12-01 08:26:00,2.55,17850.0,France\n"
        for number in range(count)
    )


@pytest.fixture
def ready(stack: Settings) -> Settings:
    ensure_topics(stack, [load_contracts()[TopicName.parse(TOPIC)]])
    return stack


def keys(settings: Settings, topic: str = TOPIC) -> list[bytes]:
    return [message.key() for message in records_of(settings, topic)]  # type: ignore[attr-defined]


def test_a_file_is_sent_once_and_again_only_on_demand(ready: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(lines(600_001))
    before = keys(ready)
    first = ingest(ready, file, "online_retail")
    assert (first.events, first.files[0].skipped) == (5, False)
    second = ingest(ready, file, "online_retail")
    assert (second.events, second.files[0].skipped) == (0, True)
    copy = tmp_path / "copy.csv"
    copy.write_text(lines(600_001))
    assert ingest(ready, copy, "online_retail").files[0].skipped
    sent = keys(ready)[len(before) :]
    assert len(sent) == len(set(sent)) == 5
    assert ingest(ready, file, "online_retail", again=True).events == 5
    assert set(keys(ready)[len(before) :]) == set(sent)


def test_bad_rows_go_to_the_dead_letter_topic(ready: Settings, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(lines(600_002) + "600002,1,LAMP,six,2010-12-01 08:26:00,1,,France\n")
    result = ingest(ready, file, "online_retail")
    assert (result.events, result.dead_letters) == (5, 1)
    dead = [
        message
        for message in records_of(ready, f"{TOPIC}.dlq")
        if dict(message.headers())["file"] == b"bad.csv"  # type: ignore[attr-defined]
    ]
    assert len(dead) == 1
    assert dead[0].value() == b"600002,1,LAMP,six,2010-12-01 08:26:00,1,,France\n"  # type: ignore[attr-defined]
    headers = dict(dead[0].headers())  # type: ignore[attr-defined]
    assert headers["reason"] == b"bad.csv, line 7: quantity: 'six' is not a valid whole number"
    assert headers["line"] == b"7"


def test_a_crash_half_way_repeats_and_does_not_remember(
    ready: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "crash.csv"
    file.write_text(lines(600_003, 8))
    before = len(keys(ready))

    class Dying(LogProducer):
        def send(self, record: Record) -> None:
            super().send(record)
            if self.sent == 4:
                self.flush()
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "LogProducer", Dying)
        with pytest.raises(KeyboardInterrupt):
            ingest(ready, file, "online_retail")
    assert len(keys(ready)) - before == 4
    assert ingest(ready, file, "online_retail").events == 8
    sent = keys(ready)[before:]
    assert len(sent) == 12
    assert len(set(sent)) == 8
    assert ingest(ready, file, "online_retail").files[0].skipped


def test_a_half_copied_file_is_corrected_by_the_whole_one_and_the_conflict_is_shown(
    ready: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "half.csv"
    whole = lines(600_004, 3)
    file.write_text(whole[:-5])
    before = len(keys(ready))
    assert ingest(ready, file, "online_retail").events == 3
    file.write_text(whole + "600004,85129,LAMP,6,2010-12-01 08:26:00,2.55,17850.0,France\n")
    result = ingest(ready, file, "online_retail")
    assert (result.events, result.conflicts, result.dead_letters) == (3, 1, 1)
    assert "half.csv, line 4: conflict" in result.files[0].reasons[0]
    sent = keys(ready)[before:]
    assert (len(sent), len(set(sent))) == (6, 4)
    dead = [
        message.value()  # type: ignore[attr-defined]
        for message in records_of(ready, f"{TOPIC}.dlq")
        if dict(message.headers())["file"] == b"half.csv"  # type: ignore[attr-defined]
    ]
    assert dead == [whole.splitlines(keepends=True)[-1].encode()]


def test_equal_rows_of_two_parts_are_two_records(ready: Settings, tmp_path: Path) -> None:
    for name in ("part-1.csv", "part-2.csv"):
        (tmp_path / name).write_text(
            HEADER + f"600005,1,LAMP,6,2010-12-01 08:26:00,2,,{name[:6]}\n"
            "600005,2,LAMP,6,2010-12-01 08:26:00,2,,France\n"
        )
    before = len(keys(ready))
    result = ingest(ready, tmp_path, "online_retail")
    assert (result.events, result.conflicts) == (4, 0)
    assert len(set(keys(ready)[before:])) == 4


def test_files_sent_and_files_refused_for_good_are_settled(ready: Settings, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("wrong,header\n600006\n")
    (tmp_path / "2.csv").write_text(lines(600_006))
    (tmp_path / "3.csv").write_text(lines(600_007))
    digests = [digest(tmp_path / f"{number}.csv") for number in (1, 2, 3)]
    given = [
        GivenFile(file, file.stat().st_size, found)
        for file, found in zip(sorted(tmp_path.iterdir()), digests, strict=True)
    ]
    (tmp_path / "3.csv").write_text("changed")
    result = ingest(ready, tmp_path, "online_retail", given=given)
    assert [one.changed for one in result.files] == [False, False, True]
    with IngestedFiles(ready) as ledger:
        assert ledger.settled("online_retail", digests) == set(digests[:2])


def test_ledger_unreachable_is_one_clear_line(ready: Settings) -> None:
    nowhere = ready.model_copy(update={"postgres_port": 1})
    with pytest.raises(LedgerUnreachableError, match=r"PostgreSQL at .*:1 does not answer"):
        IngestedFiles(nowhere).__enter__()


def test_a_real_day_twice_changes_nothing(ready: Settings) -> None:
    day = Path(__file__).parents[3] / "shared" / "data" / "online_retail" / "2010-12-05.csv"
    if not day.exists():
        pytest.skip(f"no data at {day}")
    before = len(keys(ready))
    rows = day.read_text().count("\n") - 1
    assert ingest(ready, day, "online_retail").events == rows
    assert ingest(ready, day, "online_retail").events == 0
    sent = keys(ready)[before:]
    assert len(sent) == len(set(sent)) == rows
