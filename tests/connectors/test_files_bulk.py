"""Bulk files: straight to bronze, equal to the way through the log row for row."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from platform_assets.cli.app import build
from platform_assets.connectors.operate.preview import preview
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.seam import columns
from platform_assets.connectors.seam.bulk import BulkFiles
from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.contracts.load import load_contracts
from platform_assets.core import commit_points
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines import open_engine
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import Lease
from platform_assets.streaming.loop import StreamLoop
from platform_assets.streaming.open import open_processor
from platform_assets.streaming.plan import Broker
from tests.connectors.scene import Scene, new_source

FIELDS = {"id": "integer", "city": "string", "price": "number", "day": "date"}
COLUMNS = {"id": "id", "city": "city", "price": "price", "day": "day"}
PLACE = ["_micro_batch", "ingest_date", "kafka_partition", "kafka_offset", "kafka_timestamp"]
PATIENCE = 60.0


@dataclass
class Bulk:
    """A source of CSV files, and lakes that its topic can be landed in."""

    scene: Scene
    folder: Path
    lakes: Path

    @property
    def settings(self) -> Settings:
        return self.scene.settings

    def write(self, name: str, rows: list[str]) -> Path:
        path = self.folder / name
        path.write_text("id,city,price,day,at\n" + "".join(f"{row}\n" for row in rows))
        return path

    def over(self, size: str | None) -> None:
        """From now on files over this size are handed over."""
        path = self.lakes.parent / "sources" / self.scene.name / "defs.yaml"
        text = yaml.safe_load(path.read_text())
        options = text["attributes"]["streams"][0]["options"]
        options.pop("bulk_over", None)
        options |= {"bulk_over": size} if size else {}
        path.write_text(yaml.safe_dump(text))

    def pull(self) -> Any:
        (outcome,) = pull(self.settings, self.scene.source)
        assert outcome.error is None
        return outcome

    def again(self) -> None:
        """The source begins anew."""
        with SourceLog(self.settings, self.scene.name) as log:
            log.commit([], [Place(self.scene.name, "rows", None)])

    def run(self, lake: str, done: Callable[[], bool] | None = None, **changes: Any) -> int:
        """Land the topic until all is taken, or something is so; the micro-batches."""
        contract = load_contracts()[self.scene.topic]
        changes = {"lake_root": str(self.lakes / lake), **changes}
        settings = self.settings.model_copy(update=changes)
        steps, until = 0, time.monotonic() + PATIENCE
        with Lease(settings, f"test-{uuid.uuid4()}", "test", "1") as lease:
            loop = StreamLoop(
                settings, [contract], open_engine=open_engine,
                fingerprints=lambda one: one.fingerprint, lease=lease, run_id="test",
            )  # fmt: skip
            quiet = 0
            for step in loop.steps(0.3):
                steps += step is not None
                assert time.monotonic() < until, self.files()
                quiet = quiet + 1 if step is None else 0
                if quiet > 1 and (done or self.taken)():
                    loop.stop()
        return steps

    def taken(self) -> bool:
        """Whether all of the log and of the files is published."""
        ledger, topic = Ledger(self.settings), self.scene.topic
        next_offsets = ledger.progress(topic).next_offsets
        extents = Broker(self.settings).extents(topic)
        return (
            all(one[1] != "open" for one in self.files())
            and all(next_offsets.get(p, 0) >= extent.high for p, extent in extents.items())
            and not ledger.totals(topic).open_records
        )

    def files(self) -> list[tuple[str, str, str | None]]:
        with closing(BulkFiles(self.settings)) as files:
            found = [one for one in files.files(self.scene.name) if one.stream == "rows"]
        return [(one.name, one.status, one.error) for one in reversed(found)]

    def rows(self, lake: str, table: TableName) -> pl.DataFrame:
        return pl.read_delta(f"{self.lakes}/{lake}/{table.path}")

    def tables(self, lake: str) -> dict[str, list[dict[str, Any]]]:
        """All rows of all tables but for their place in the log."""
        topic = self.scene.topic
        found = {}
        for table in (topic.bronze, topic.silver, topic.quarantine):
            frame = self.rows(lake, table)
            drop = [name for name in frame.columns if name.removeprefix("_") in PLACE
                    or name in PLACE]  # fmt: skip
            found[table.sql] = sorted(frame.drop(drop).to_dicts(), key=repr)
        return found

    def balance(self) -> None:
        totals = Ledger(self.settings).totals(self.scene.topic)
        assert totals.open_records == 0
        assert totals.records == (
            totals.published + totals.quarantined + totals.duplicates + totals.dead_letters
        )


@contextmanager
def bulk_source(settings: Settings, tmp_path: Path, **options: Any) -> Iterator[Bulk]:
    folder = tmp_path / "landing"
    folder.mkdir()
    options = {"names": "*.csv", "settled_seconds": 0, "page_rows": 50, "bulk_over": "1 KiB",
               **options}  # fmt: skip
    with new_source(
        settings, tmp_path / "sources", "files", config={"folder": str(folder)}, options=options,
        fields=FIELDS, columns=COLUMNS, occurred_at="at",
    ) as scene:  # fmt: skip
        ensure_topics(settings, [load_contracts()[scene.topic]])
        yield Bulk(scene, folder, tmp_path / "lakes")


def lines(ids: range) -> list[str]:
    return [f"{n},Köln {n % 7},{n / 8},2026-01-{n % 28 + 1:02},2026-02-{n % 28 + 1:02}T10:00:00Z"
            for n in ids]  # fmt: skip


ODD = [
    "7,Ulm,1.5,2026-01-01,2026-02-01T00:00:00Z",  # its id was there: a duplicate
    "x,Ulm,1.5,2026-01-01,2026-02-01T00:00:00Z",  # no whole number
    "900,Ulm,1.5,2026-01-01,",  # no time: the quarantine's
    '901,"Ulm, Donau",1.5,,2026-02-01T00:00:00Z',
    '902,"Ulm,1.5,2026-01-01,2026-02-01T00:00:00Z',  # never closed
    "903,Ulm,1.5",  # too few
    "904,,,,2026-02-01T00:00:00Z",
    ",Ulm,1.5,2026-01-01,2026-02-01T00:00:00Z",  # no identity
]


def test_both_ways_are_equal_row_for_row(
    stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "now_micros", lambda: 1_780_000_000_000_000)
    with bulk_source(stack, tmp_path) as bulk:
        bulk.write("a.csv", [*lines(range(400)), *ODD, *lines(range(400, 700))])
        bulk.write("b.csv", lines(range(690, 900)))
        topic = bulk.scene.topic
        bulk.over(None)
        through = bulk.pull()
        bulk.run("log", batch_max_records=250)
        letters = bulk.scene.letters()
        totals = Ledger(stack).totals(topic)
        bulk.again()
        bulk.over("1 KiB")
        outcome = bulk.pull()
        assert (outcome.records, outcome.bulk) == (0, 2)
        assert bulk.run("bulk", batch_max_records=250) > 3
        assert bulk.files() == [("a.csv", "done", None), ("b.csv", "done", None)]
        assert bulk.tables("bulk") == bulk.tables("log")
        assert len(bulk.tables("bulk")[topic.quarantine.sql]) == 1
        assert len(letters) == through.dead_letters == 3
        assert bulk.scene.letters()[3:] == letters
        after = Ledger(stack).totals(topic)
        for name in ("records", "published", "quarantined", "duplicates", "dead_letters"):
            assert getattr(after, name) == 2 * getattr(totals, name), name
        bulk.balance()
        # A row is named by its file and its number there.
        bronze = bulk.rows("bulk", topic.bronze)
        first = bronze.filter(pl.col("kafka_partition") == -1).sort("kafka_offset")
        assert first["kafka_offset"].to_list()[:3] == [1, 2, 3]
        assert first["kafka_offset"].max() == 708
        # The window is materialised again from bronze, whatever became of the files.
        for path in bulk.folder.iterdir():
            path.unlink()
        held = bulk.tables("bulk")
        settings = stack.model_copy(update={"lake_root": str(bulk.lakes / "bulk")})
        contract = load_contracts()[topic]
        with open_processor(settings, "test") as processor:
            batches = processor.ledger.batches_by_id(topic, range(1, 1000))
            files = [batch for batch in batches if batch.is_file]
            assert len(files) > 3
            for _ in processor.replay_silver(contract, files, accept=True):
                pass
            for group in processor._groups(files):
                processor._reread_bronze(contract, group)
        assert bulk.tables("bulk") == held


def test_a_file_that_changes_or_is_gone_waits_and_the_topic_goes_on(
    stack: Settings, tmp_path: Path
) -> None:
    with bulk_source(stack, tmp_path) as bulk:
        one = bulk.write("a.csv", lines(range(300)))
        bulk.write("b.csv", lines(range(300, 500)))
        bulk.pull()
        content, times = one.read_bytes(), (one.stat().st_atime, one.stat().st_mtime)
        one.write_bytes(content + b"9,Ulm,1,2026-01-01,2026-02-01T00:00:00Z\n")
        bulk.run("lake", lambda: bulk.files()[1][1] == "done" and bulk.files()[0][2] is not None)
        assert "a.csv has changed since it was handed over" in str(bulk.files()[0][2])
        one.unlink()
        small = bulk.write("c.csv", lines(range(500, 505)))
        assert bulk.pull().records == 5
        small.unlink()
        published = Ledger(stack).totals(bulk.scene.topic).published
        assert published == 200
        bulk.run(
            "lake",
            lambda: (
                Ledger(stack).totals(bulk.scene.topic).published == 205
                and "a.csv is gone since" in str(bulk.files()[0][2])
            ),
        )
        one.write_bytes(content)
        os.utime(one, times)
        bulk.run("lake")
        assert Ledger(stack).totals(bulk.scene.topic).published == 505
        bulk.balance()


def waiting_of(topic: TopicName) -> int:
    """The bulk files of a topic that ``weir streams`` tells of."""
    told = CliRunner().invoke(build(), ["streams", "--json"], catch_exceptions=False)
    (row,) = [one for one in json.loads(told.stdout) if one["topic"] == str(topic)]
    return int(row["bulk_files"])


def test_a_file_is_given_up_and_read_again_after_a_reset(stack: Settings, tmp_path: Path) -> None:
    with bulk_source(stack, tmp_path) as bulk:
        one = bulk.write("a.csv", lines(range(300)))
        bulk.pull()
        one.rename(one.with_suffix(".away"))
        bulk.run("lake", lambda: bulk.files()[0][2] is not None)
        assert waiting_of(bulk.scene.topic) == 1
        with closing(BulkFiles(stack)) as files:
            assert files.give_up(str(bulk.scene.topic), 1) is not None
            assert files.give_up(str(bulk.scene.topic), 1) is None
        one.with_suffix(".away").rename(one)
        bulk.again()
        bulk.pull()
        bulk.run("lake")
        assert [status for _, status, _ in bulk.files()] == ["given up", "done"]
        assert waiting_of(bulk.scene.topic) == 0
        assert len(bulk.rows("lake", bulk.scene.topic.silver)) == 300
        shown = list(preview(stack, bulk.scene.source, "rows", 5))
        assert [row["id"] for row, _ in shown] == ["0", "1", "2", "3", "4"]


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    "moment",
    ["after a bulk file's intent", "before a bulk file's opening", "after a bulk file's opening"],
)
def test_a_file_is_handed_over_once_wherever_the_source_dies(
    stack: Settings, tmp_path: Path, moment: str
) -> None:
    with bulk_source(stack, tmp_path) as bulk:
        bulk.write("a.csv", lines(range(100)))
        bulk.write("b.csv", lines(range(100, 200)))

        def die(reached: str) -> None:
            if reached == moment:
                raise Died(reached)

        with pytest.raises(Died), commit_points.watching(die):
            pull(stack, bulk.scene.source)
        bulk.pull()
        bulk.run("lake")
        assert [name for name, status, _ in bulk.files() if status == "done"] == ["a.csv", "b.csv"]
        totals = Ledger(stack).totals(bulk.scene.topic)
        assert (totals.records, totals.published) == (200, 200)


def test_a_refused_file_is_a_dead_letter_after_its_rows(stack: Settings, tmp_path: Path) -> None:
    import gzip

    with bulk_source(stack, tmp_path, names="*.gz", bulk_over="64 B") as bulk:
        text = "id,city,price,day,at\n" + "".join(f"{row}\n" for row in lines(range(300)))
        packed = gzip.compress(text.encode())
        (bulk.folder / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
        (bulk.folder / "b.csv.gz").write_bytes(packed)
        bulk.pull()
        bulk.run("lake")
        assert [status for _, status, _ in bulk.files()] == ["done", "done"]
        ((_, headers),) = bulk.scene.letters()
        assert "a.csv.gz: the file is refused" in headers["reason"]
        assert len(bulk.rows("lake", bulk.scene.topic.silver)) == 300


def test_live_records_are_taken_between_the_slices(stack: Settings, tmp_path: Path) -> None:
    with bulk_source(stack, tmp_path) as bulk:
        bulk.write("a.csv", lines(range(800)))
        bulk.write("b.csv", lines(range(5000, 5005)))
        bulk.pull()
        bulk.run("lake", batch_max_records=200)
        bronze = bulk.rows("lake", bulk.scene.topic.bronze)
        live = bronze.filter(pl.col("kafka_partition") >= 0)["_micro_batch"].max()
        assert len(bronze) == 805
        assert str(live) in ("1", "2")


def test_what_stands_beside_bulk_over_is_refused(stack: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    folder.mkdir()
    with new_source(
        stack, tmp_path / "sources", "files", config={"folder": str(folder)},
        options={"bulk_over": "1 MiB"}, fields=FIELDS, conflicts=True,
    ) as scene, pytest.raises(WeirError, match="it stands beside `conflicts`"):  # fmt: skip
        _ = scene.source
