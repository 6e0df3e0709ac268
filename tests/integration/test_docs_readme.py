"""The README, followed to the letter: a new topic in five minutes, and the first questions."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from platform_assets.cli.app import build
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts import load
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.core.trino import execute
from platform_assets.engines.local.engine import LocalEngine
from platform_assets.gold.bootstrap import bootstrap
from platform_assets.gold.catalog import ensure_catalog
from platform_assets.gold.register import register_tables
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.plan import Broker
from tests.integration.lake import Lake
from tests.integration.test_gold_lake import CLICKS, gold, lake  # noqa: F401 - fixtures
from tests.unit.test_docs_commands import commands, fenced

README = REPOSITORY / "README.md"
ORDERS = TopicName("shop", "orders")


def contract_text() -> str:
    (text,) = [block for block in fenced(README, "yaml") if "shop.orders" in block]
    return text


def steps() -> list[str]:
    (block,) = [block for block in fenced(README, "sh") if "shop.orders" in block]
    return block.splitlines()


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with every contract, where the README's new one can be written."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for file in load.CONTRACTS.glob("*.yaml"):
        shutil.copy(file, folder)
    monkeypatch.setattr(load, "CONTRACTS", folder)
    load.load_contracts.cache_clear()
    yield folder
    load.load_contracts.cache_clear()


def weir(line: str) -> str:
    result = CliRunner().invoke(build(), shlex.split(line)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def publish_all(settings: Settings, contract: Contract) -> Lake:
    """What the stream run does for a topic that it finds among its contracts."""
    ensure_topics(settings, [contract])
    made = Lake(settings, contract, None, Broker(settings))  # type: ignore[arg-type]
    made.run()
    return made


def test_a_topic_is_added_as_the_readme_says(trino_stack: Settings, contracts: Path) -> None:
    # The restart of the code server is left out: the loop of the stream run runs in this process.
    named = contract_text().splitlines()[0].removeprefix("# ")
    file = contracts / Path(named).name
    file.write_text(contract_text())
    load.load_contracts.cache_clear()
    lines = steps()
    assert [line.split()[1] for line in lines] == [
        "contracts", "restart", "simulate", "streams", "sql",
    ]  # fmt: skip

    checked = weir(lines[0].replace(named, str(file)))
    assert "good shop.orders: append" in checked
    weir(lines[2])
    contract = load.load_contracts()[ORDERS]
    made = publish_all(trino_stack, contract)
    made.assert_balanced()
    totals = Ledger(trino_stack).totals(ORDERS)
    assert totals.records == 1000
    assert totals.published > 900
    assert set(made.rows()["state"]) == {"open", "paid", "sent"}
    assert set(made.rows(ORDERS.quarantine)["rule"]) >= {"order_no_not_null", "state_one_of"}

    ensure_catalog(trino_stack)
    register_tables(trino_stack, [contract])
    try:
        shown = weir(f"{lines[4]} --json")
    finally:
        for table in contract.tables:
            call = f"call {table.layer}.system.unregister_table"
            execute(trino_stack, f"{call}('{table.domain}', '{table.entity}')", "weir")
    assert shown.count('"state"') == 3


def questions() -> list[str]:
    """The README's statements, and those of ``weir sql`` in the how-to guides."""
    asked = fenced(README, "sql")
    for guide in sorted((REPOSITORY / "docs" / "how-to").glob("*.md")):
        asked += [shlex.split(line)[2] for line in commands(guide) if line.startswith("weir sql ")]
    return asked


def test_the_first_questions_are_answered(lake, gold) -> None:  # noqa: F811
    # The columns and tables of the log, which gold's tests have no need of.
    LocalEngine(lake.settings).ensure_tables(lake.contracts[CLICKS])
    bootstrap(lake.settings)
    asked = questions()
    assert len(asked) >= 10
    for statement in asked:
        # The tables of this test are younger than the minute that the documents go back.
        text = statement.replace("interval '1' minute", "interval '0.001' second")
        assert execute(lake.settings, text, "analyst").columns
