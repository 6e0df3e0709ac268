"""``weir sources`` and ``weir connectors`` on a real PostgreSQL, Kafka and registry."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from platform_assets import sources
from platform_assets.cli.app import build
from platform_assets.connectors.operate.reset import Reset
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.run import SourceLoop
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.connectors.seam.transaction import FencedError
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.wait import wait_until
from tests.connectors.scene import Scene
from tests.connectors.test_sql import NOON, Shop, orders_of


@pytest.fixture
def shop(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(stack)
    monkeypatch.setenv("SHOP_PASSWORD", made.password)
    return made


@pytest.fixture
def scene(shop: Shop, tmp_path: Path) -> Iterator[Scene]:
    with orders_of(shop, tmp_path) as made:
        yield made


def weir(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(build(), list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def row_of(name: str) -> dict[str, object]:
    (row,) = [one for one in json.loads(weir("sources", "--json")) if one["source"] == name]
    found: dict[str, object] = row
    return found


def test_a_source_from_new_to_read(scene: Scene, shop: Shop) -> None:
    name = scene.name
    assert (row_of(name)["health"], row_of(name)["why"]) == ("new", "never read")
    shop.add(range(25))
    (row,) = json.loads(weir("sources", "check", name, "--json"))
    assert (row["check"], "2 tables" in row["found"]) == ("good", True)
    found = json.loads(weir("sources", "discover", name, "--json"))
    assert {(r["column"], r["role"], r["logical_type"]) for r in found if r["stream"] == "orders"}
    assert ("changed", "cursor", "timestamp") in {
        (r["column"], r["role"], r["logical_type"]) for r in found
    }
    drafted = yaml.safe_load(weir("sources", "discover", name, "--draft", "orders"))
    assert drafted["id"] == f"weir:{name}.orders"
    shown = json.loads(weir("sources", "preview", name, "rows", "--json"))
    assert len(shown) == 10
    assert (shown[3]["row"]["id"], shown[3]["why"]) == (3, None)
    assert not cursors.read(scene.settings).get((name, "rows"))
    (outcome,) = json.loads(weir("sources", "read", name, "--json"))
    assert (outcome["records"], outcome["pages"], outcome["error"]) == (25, 3, None)
    row = row_of(name)
    assert (row["health"], row["records"], row["dead_letters"]) == ("good", 25, 0)
    assert row["rows_per_second"]
    # What it cost until now, under the names that /metrics has.
    assert float(str(row["bytes"])) > 0
    assert float(str(row["busy_seconds"])) > 0
    others = {one["source"]: one for one in json.loads(weir("sources", "--json"))}
    assert others["simulator"]["health"] == "on demand"
    assert others["online_retail"]["connector"] == "file"


def test_a_source_that_fails_says_so_everywhere(
    scene: Scene, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(range(3))
    weir("sources", "read", scene.name)
    shop.run("alter table orders rename column city to town")
    shop.add(range(3, 5))
    (outcome,) = json.loads(weir("sources", "read", scene.name, "--json", code=1))
    assert "no column 'city'" in outcome["error"]
    row = row_of(scene.name)
    assert (row["health"], row["failures"]) == ("failing", 1)
    assert "no column 'city'" in str(row["why"])
    monkeypatch.setenv("SHOP_PASSWORD", "wrong")
    (row,) = json.loads(weir("sources", "check", scene.name, "--json", code=1))
    assert (row["check"], "refuses" in str(row["found"])) == ("failed", True)
    with pytest.raises(WeirError, match="no source 'nowhere'"):
        weir("sources", "check", "nowhere")
    with pytest.raises(WeirError, match="weir ingest PATH --source online_retail"):
        weir("sources", "read", "online_retail")


def test_a_new_column_is_told_and_drafted_for_who_accepts_it(scene: Scene, shop: Shop) -> None:
    name = scene.name
    shop.add(range(3))
    weir("sources", "read", name)
    assert row_of(name)["why"] == ""
    assert "nothing is new" in weir("sources", "evolve", name, "rows")
    shop.run("alter table orders add column mail text")
    shop.add(range(3, 5))
    weir("sources", "read", name)
    row = row_of(name)
    assert (row["health"], row["records"]) == ("good", 5)
    assert row["why"] == "column mail is not mapped: left out"
    assert row["changes"] == ["rows: column mail is not mapped: left out"]
    draft = weir("sources", "evolve", name, "rows")
    column, mapped = (yaml.safe_load("# To " + part) for part in draft.split("# To ")[1:])
    assert column == [{
        "name": "mail", "logicalType": "string", "description": "mail of rows.",
        "classification": "pii",
    }]  # fmt: skip
    assert mapped == {"mail": "mail"}


def test_the_way_back_from_a_reset_survives_the_shell() -> None:
    done = Reset("shop", "o'brien; rm -rf x", {"at": "it's $HOME"}, None)
    words = shlex.split(done.undo)
    assert words[:5] == ["weir", "sources", "reset", "shop", "o'brien; rm -rf x"]
    assert json.loads(words[words.index("--to") + 1]) == {"at": "it's $HOME"}


def test_pause_resume_and_audit(scene: Scene) -> None:
    name = scene.name
    assert "nothing was changed" in weir("sources", "resume", name)
    assert f"weir sources resume {name}" in weir("sources", "pause", name, "--reason", "it moves")
    assert "it moves" in str(row_of(name)["why"])
    assert "is resumed" in weir("sources", "resume", name)
    actions = json.loads(weir("sources", "audit", name, "--json"))
    assert [(one["action"], one["detail"]) for one in actions] == [
        ("resume", ""), ("pause", "it moves"),
    ]  # fmt: skip


def test_a_reset_is_shown_asked_for_done_and_undone(scene: Scene, shop: Shop) -> None:
    name = scene.name
    shop.add(range(25))
    weir("sources", "read", name)
    before = cursors.read(scene.settings)[name, "rows"]
    assert "nothing was changed" in weir("sources", "reset", name, "rows", "--dry-run")
    refused = CliRunner().invoke(build(), ["sources", "reset", name, "rows"], input="n\n")
    assert refused.exit_code == 1
    assert cursors.read(scene.settings)[name, "rows"] == before
    said = weir("sources", "reset", name, "rows", "--yes")
    assert (name, "rows") not in cursors.read(scene.settings)
    undo = f"weir sources reset {name} rows --to '{json.dumps(before, sort_keys=True)}' --yes"
    assert undo in said
    (outcome,) = pull(scene.settings, scene.source)
    assert outcome.records == 25
    assert len(scene.events()) == 50
    assert len({one["event_id"] for one in scene.events()}) == 25
    tenth = json.dumps({"changed": {"moment": NOON.replace(second=15).isoformat()}, "id": 15})
    weir("sources", "reset", name, "rows", "--to", tenth, "--yes")
    (outcome,) = pull(scene.settings, scene.source)
    assert outcome.records == 9
    with pytest.raises(WeirError, match="expected a JSON object"):
        weir("sources", "reset", name, "rows", "--to", "3", "--yes")
    with pytest.raises(WeirError, match="no stream 'x'"):
        weir("sources", "reset", name, "x", "--yes")


def test_a_reset_fences_the_read_that_is_under_way(scene: Scene, shop: Shop) -> None:
    shop.add(range(40))
    once = threading.Event()

    def told(_: object) -> None:
        if not once.is_set():
            once.set()
            weir("sources", "reset", scene.name, "rows", "--yes")

    with pytest.raises(FencedError):
        pull(scene.settings, scene.source, told=told)
    # The page after the reset is in no transaction: the next read begins at the beginning.
    assert len(scene.events()) == 10
    assert (scene.name, "rows") not in cursors.read(scene.settings)
    (outcome,) = pull(scene.settings, scene.source)
    assert outcome.records == 40


def test_ctrl_c_ends_a_read_after_its_page(scene: Scene, shop: Shop, tmp_path: Path) -> None:
    shop.run("insert into orders select n, 1, 'Ulm', true, now() + n * interval '1 second'"
             " from generate_series(1, 20000) n")  # fmt: skip
    code = (
        "import sys; from platform_assets import sources; sources.__path__.append(sys.argv.pop(1));"
        "from platform_assets.cli.app import main; main()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "sources", "read", scene.name, "--json"],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    states = SourceStates(scene.settings)
    wait_until(
        lambda: any(one.records for one in states.streams() if one.source == scene.name),
        what="the first page",
        timeout=60,
    )
    states.close()
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    (outcome,) = json.loads(out)
    assert child.returncode == 0
    assert 0 < outcome["records"] < 20_000
    assert outcome["error"] is None
    assert len(scene.events()) == outcome["records"]
    assert row_of(scene.name)["records"] == outcome["records"]


def test_a_source_is_added_with_what_its_database_says(
    stack: Settings, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platform_assets.contracts.load import load_contracts

    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    shop.add(range(3))
    config = json.dumps(shop.config)
    name = f"added_{shop.name}"
    arguments = ("sources", "add", name, "--connector", "sql", "--topic", f"test.{name}")
    said = weir(*arguments, "--stream", "orders", "--config", config)
    assert f"weir sources check {name}" in said
    load_contracts.cache_clear()
    try:
        assert [one["why"] for one in json.loads(weir("sources", "preview", name, "orders",
                                                     "--json"))] == [None] * 3  # fmt: skip
        (outcome,) = json.loads(weir("sources", "read", name, "--json"))
        assert (outcome["records"], outcome["dead_letters"], outcome["error"]) == (3, 0, None)
        with pytest.raises(WeirError, match="is there already"):
            weir(*arguments)
        with pytest.raises(WeirError, match="--config '3': expected a JSON object"):
            weir(*arguments, "--config", "3")
    finally:
        load_contracts.cache_clear()


def test_dead_letters_are_listed_mended_and_sent_once(
    scene: Scene, shop: Shop, tmp_path: Path
) -> None:
    name = scene.name
    path = tmp_path / name / "defs.yaml"
    good = path.read_text()
    shop.add(range(3))
    shop.run("update orders set city = 'x' where id = 1")
    spoiled = yaml.safe_load(good)
    spoiled["attributes"]["streams"][0]["columns"]["paid"] = "city"
    path.write_text(yaml.safe_dump(spoiled))
    weir("sources", "read", name)
    assert not scene.events()
    row = row_of(name)
    assert (row["health"], row["records"], row["dead_letters"]) == ("dirty", 0, 3)
    assert "100.0% of its rows are dead letters" in str(row["why"])
    listed = json.loads(weir("sources", "letters", "list", name, "--json"))
    assert len(listed) == 3
    assert "paid: 'x' is not" in listed[1]["reason"]
    shown = json.loads(weir("sources", "letters", "show", name, listed[1]["id"][:12]))
    assert (shown["raw"]["id"], shown["raw"]["amount"]) == (1, "0.25")
    assert "0 of 3 dead letters sent" in weir("sources", "letters", "replay", name)
    path.write_text(good)
    assert "3 of 3 dead letters would be" in weir("sources", "letters", "replay", name, "--dry-run")
    assert not scene.events()
    one = listed[1]["id"]
    assert "1 of 1 dead letters sent" in weir("sources", "letters", "replay", name, "--id", one)
    assert "2 of 2 dead letters sent" in weir("sources", "letters", "replay", name)
    assert "0 of 0 dead letters sent" in weir("sources", "letters", "replay", name)
    assert "has no dead letters" in weir("sources", "letters", "list", name)
    assert len(json.loads(weir("sources", "letters", "list", name, "--replayed", "--json"))) == 3
    assert sorted(row["id"] for row in scene.rows()) == [0, 1, 2]
    assert (row_of(name)["health"], row_of(name)["dead_letters"]) == ("good", 0)
    # Read again, each event has the id under which it was sent from its letter.
    weir("sources", "reset", name, "rows", "--yes")
    weir("sources", "read", name)
    assert len(scene.events()) == 6
    assert len({one["event_id"] for one in scene.events()}) == 3
    with pytest.raises(WeirError, match="no dead letter 'zz'"):
        weir("sources", "letters", "show", name, "zz")


def test_a_source_that_is_closed_or_paused_is_not_read_at_all(
    scene: Scene, shop: Shop, tmp_path: Path
) -> None:
    shop.add(range(3))
    path = tmp_path / scene.name / "defs.yaml"
    text = yaml.safe_load(path.read_text())
    text["attributes"]["closed"] = [{"cron": "* * * * *", "minutes": 60}]
    path.write_text(yaml.safe_dump(text))
    assert (row_of(scene.name)["health"], "not read until" in str(row_of(scene.name)["why"])) == (
        "closed", True,
    )  # fmt: skip
    assert steps(scene, 0.3) == 0
    del text["attributes"]["closed"]
    path.write_text(yaml.safe_dump(text))
    weir("sources", "pause", scene.name, "--reason", "a test")
    assert steps(scene, 0.3) == 0
    weir("sources", "resume", scene.name)
    assert steps(scene, 1.0) == 3


def steps(scene: Scene, seconds: float) -> int:
    """Records that the loop reads within a few steps of so many seconds."""
    loop = SourceLoop(scene.settings, {scene.name: scene.source})
    records = 0
    for number, told in enumerate(loop.steps(seconds)):
        records += told.outcome.records if told else 0
        if number >= 3 or records:
            loop.stop()
    return records
