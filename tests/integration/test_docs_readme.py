"""The documents, followed to the letter: a new topic, a new report, the first questions."""

from __future__ import annotations

import re
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
from platform_assets.gold.access import protect
from platform_assets.gold.bootstrap import bootstrap
from platform_assets.gold.catalog import ensure_catalog
from platform_assets.gold.register import register_tables
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.plan import Broker
from reports import definition
from reports.make import Maker
from reports.periods import Period
from reports.store import PDF
from tests.documents import commands, fenced, saved
from tests.integration.gold_lake import CLICKS
from tests.integration.lake import Lake

DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]
TOPIC = DOCS / "how-to" / "topic.md"
REPORT = DOCS / "how-to" / "reports.md"
ORDERS = TopicName("shop", "orders")


def contract_text() -> str:
    (text,) = [block for block in fenced(TOPIC, "yaml") if "shop.orders" in block]
    return text


def steps() -> list[str]:
    (block,) = [block for block in fenced(TOPIC, "sh") if "shop.orders" in block]
    return block.splitlines()


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with every contract, where the page's new one can be written."""
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


def test_a_topic_is_added_as_its_page_says(trino_stack: Settings, contracts: Path) -> None:
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
    assert "ok shop.orders: append" in checked
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
    protect(trino_stack)
    register_tables(trino_stack, [contract])
    try:
        shown = weir(f"{lines[4]} --json")
    finally:
        for table in contract.tables:
            call = f"call {table.layer}.system.unregister_table"
            execute(trino_stack, f"{call}('{table.domain}', '{table.entity}')", "weir")
    assert shown.count('"state"') == 3


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of reports where the page's new one can be written."""
    for folder in ("definitions", "kpis"):
        shutil.copytree(definition.ROOM / folder, tmp_path / "reports" / folder)
    monkeypatch.setattr(definition, "DEFINITIONS", tmp_path / "reports" / "definitions")
    return tmp_path


def test_a_report_is_written_as_its_page_says(
    lake,
    gold,
    definitions: Path,
    tmp_path: Path,
) -> None:
    # A wholesale week of the lake stands in for the one of the ingested files.
    (sql,), (text,) = fenced(REPORT, "sql"), fenced(REPORT, "yaml")
    paths = {Path(name).suffix: definitions / name for name in saved(REPORT)}
    assert set(paths) == {".sql", ".yaml"}
    paths[".sql"].write_text(sql)
    paths[".yaml"].write_text(text)
    name = paths[".yaml"].stem
    ((week,),) = lake.query(
        "select date_format(max(hour) at time zone 'Europe/London', '%x-W%v') "
        "from gold.retail.sales_per_hour"
    )
    made = [words for words in commands(REPORT) if words[:3] == ["weir", "report", name]]
    assert [words[-1] for words in made] == ["--dry-run", "--no-deliver"]

    assert name in weir("weir report")
    shown = weir(shlex.join([week if word == "2010-W50" else word for word in made[0]]))
    assert "Net sales" in shown
    assert "Sales by country" in shown

    loaded = definition.load_definitions()[name]
    settings = lake.settings.model_copy(update={"reports_root": str(tmp_path / "made")})
    maker = Maker(loaded, Period.parse(week, loaded.period), settings)
    for stage in (maker.facts, maker.context, maker.narrative, maker.charts, maker.document):
        stage()
    maker.pdf()
    report = maker.store.load(name, week)
    assert "net_sales" in report.headline
    assert maker.store.path(name, week, PDF).stat().st_size > 10_000


def questions() -> list[str]:
    """The statements of the README, the tutorial and the how-to guides, and of ``weir sql``."""
    asked = []
    for page in PAGES:
        asked += [sql for sql in fenced(page, "sql") if "{{" not in sql]
        asked += [
            words[2]
            for words in commands(page)
            if words[:2] == ["weir", "sql"] and page != TOPIC and "$(" not in words[2]
        ]
    return asked


def test_the_first_questions_are_answered(lake, gold) -> None:
    # The columns and tables of the log, which gold's tests have no need of.
    LocalEngine(lake.settings).ensure_tables(lake.contracts[CLICKS])
    bootstrap(lake.settings)
    asked = questions()
    assert len(asked) >= 15
    for statement in asked:
        # The tables of this test are younger than the minute that the documents go back.
        text = statement.replace("interval '1' minute", "interval '0.001' second")
        assert execute(lake.settings, text, "analyst").columns


def test_python_queries_as_its_page_says(lake, gold, capsys) -> None:
    (example,) = fenced(DOCS / "how-to" / "query.md", "python")
    port = re.compile(r"port=\d+")
    assert len(port.findall(example)) == 1
    exec(compile(port.sub(f"port={lake.settings.trino_port}", example), "query.md", "exec"), {})
    assert "total_revenue" in capsys.readouterr().out
