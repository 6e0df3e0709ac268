"""Questions in words on a real Trino: answers equal those of SQL, and none is wrong."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from benchmarks.question_lake import AS_OF, question_lake
from benchmarks.questions import LATER, SEEN, THIRD, ask_all
from platform_assets.cli.app import build
from platform_assets.cli.ask import ASKED_BACK, NOT_UNDERSTOOD
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, execute
from reports.portal.app import create_app
from reports.portal.database import portal_database
from reports.portal.users import User, Users
from reports.questions.ask import Asker, clock_of
from reports.questions.outcomes import NotUnderstoodError
from tests.model_peer import Model, Reply

STEP = 20
"""Of the questions one in so many is asked here; the bench asks all."""
CLOCK = clock_of(AS_OF)


@pytest.fixture(scope="module")
def lake(trino_stack: Settings) -> Iterator[Settings]:
    with question_lake(trino_stack) as settings:
        yield settings


@pytest.fixture(scope="module")
def asker(lake: Settings) -> Asker:
    return Asker(lake)


def test_answers_are_those_of_sql(lake: Settings) -> None:
    files = (SEEN, LATER, THIRD)
    asked = [one for path in files for one in ask_all(lake, path, AS_OF, STEP)]
    assert len(asked) >= 15
    assert [(one.text, one.detail) for one in asked if one.outcome == "wrong"] == []
    right = [one for one in asked if one.outcome == "right"]
    assert len(right) >= 0.6 * len(asked)


def test_a_fall_is_explained_by_what_fell(asker: Asker) -> None:
    answer = asker.answer("Why did revenue drop in the last hour?", CLOCK)
    (now, earlier, change) = answer.result.rows[0]
    assert now - earlier == change < 0
    [part] = answer.parts
    # What the products add is the whole change.
    every = asker.run(part.sql.rsplit("LIMIT", 1)[0]).rows
    assert sum(row[3] for row in every) == change
    assert answer.sentences, answer.refused
    assert any("fell" in sentence.text for sentence in answer.sentences)
    assert answer.refused == ()
    german = asker.answer("Warum ist der Umsatz in der letzten Stunde gefallen?", CLOCK)
    assert (german.result.rows, german.refused) == (answer.result.rows, ())
    assert any(" fiel um " in sentence.text for sentence in german.sentences)


def test_every_number_of_the_prose_leads_to_its_rows(asker: Asker) -> None:
    answer = asker.answer("Revenue by country last week against the week before", CLOCK)
    facts = {fact.id: fact for fact in answer.facts}
    links = [link for sentence in answer.sentences for link in sentence.links]
    assert links
    for link in links:
        for name in link.facts:
            fact = facts[name]
            assert fact.source is not None
            if fact.kind == "value":
                [(value,)] = asker.run(fact.source.sql).rows
                assert abs(value - fact.value) < 1
            assert asker.run(fact.source.rows_sql).rows


def test_a_question_reads_as_the_analyst(lake: Settings) -> None:
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        Asker(lake).run("create table gold.commerce.mine as select 1 as x")
    assert execute(lake, "show tables from gold.commerce like 'mine'").rows == []


def test_the_shell_answers_asks_back_and_refuses(lake: Settings) -> None:
    del lake
    runner, app = CliRunner(), build()
    at = ["--as-of", AS_OF.isoformat(), "--session", "shell"]

    def ask(*arguments: str) -> tuple[int, str]:
        result = runner.invoke(app, ["ask", *arguments, *at])
        return result.exit_code, result.output

    code, text = ask("Net sales by country last week")
    assert code == 0
    assert "Germany" in text
    assert "GROUP BY" in text
    code, text = ask("and the week before?", "--json")
    assert code == 0
    follow = json.loads(text)
    assert follow["columns"] == ["country", "net_sales", "net_sales_earlier", "net_sales_change"]
    code, text = ask("What were sales last week?", "--json")
    assert (code, json.loads(text)["choices"]) == (
        ASKED_BACK,
        ["Online revenue", "Wholesale net sales"],
    )
    code, text = ask("revnue last week")
    assert code == NOT_UNDERSTOOD
    assert "'revnue'" in text
    assert "revenue" in text
    code, text = ask("net sales yesterday", "--explain", "--csv")
    assert code == 0
    code, text = ask("sql select count(*) as n from gold.commerce.revenue_per_hour")
    assert code == 0
    assert "n" in text


@pytest.fixture
def portal(lake: Settings, quick_hashes: None) -> Iterator[TestClient]:
    """Signed in as one who may ask; ``stranger`` may not."""
    del quick_hashes
    database = portal_database(lake)
    with TestClient(
        create_app(lake), base_url="http://127.0.0.1", follow_redirects=False
    ) as client:
        users = Users(database)
        users.add(User("stranger"))
        password = users.add(User("asker", reports=frozenset({"questions"})))
        sign_in(client, "asker", password)
        yield client
        for name in ("asker", "stranger"):
            users.remove(name)
    database.close()


def sign_in(client: TestClient, name: str, password: str) -> None:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/login").text)
    assert found
    form = {"name": name, "password": password, "csrf": found[1], "next": "/"}
    assert client.post("/login", data=form).status_code == 303


def test_the_portal_answers_and_each_number_leads_to_its_rows(portal: TestClient) -> None:
    page = portal.get("/ask", params={"question": "Net sales by country in February 2026"})
    assert page.status_code == 200
    assert "<meter" in page.text
    links = re.findall(r'href="(/ask/rows[^"]+)"', page.text)
    assert links
    rows = portal.get(html.unescape(links[0]))
    assert rows.status_code == 200
    assert "Rows behind it" in rows.text
    assert "gross_sales" in rows.text
    assert "Which?" in portal.get("/ask", params={"question": "sales last week"}).text
    refused = portal.get("/ask", params={"question": "<script>alert(1)</script> revenue"}).text
    assert "<script>alert" not in refused


def test_programs_ask_by_json(portal: TestClient) -> None:
    body = {"question": "Net sales by country last week", "as_of": AS_OF.isoformat()}
    found = portal.post("/api/ask", json=body).json()
    assert found["outcome"] == "answered"
    assert len(found["rows"]) == 7
    follow = {**body, "question": "only in Germany", "earlier": found["earlier"]}
    assert len(portal.post("/api/ask", json=follow).json()["rows"]) == 1
    refused = portal.post("/api/ask", json={"question": "revnue"}).json()
    assert (refused["outcome"], "revenue" in refused["hint"]) == ("refused", True)
    assert portal.post("/api/ask", json={"question": ""}).status_code == 400
    foreign = portal.post("/api/ask", json=body, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    portal.cookies.clear()
    assert portal.post("/api/ask", json=body).status_code == 401


def test_who_was_not_given_questions_sees_none(portal: TestClient, lake: Settings) -> None:
    database = portal_database(lake)
    Users(database).remove("stranger")
    password = Users(database).add(User("stranger"))
    portal.cookies.clear()
    sign_in(portal, "stranger", password)
    assert portal.get("/ask").status_code == 404
    assert portal.post("/api/ask", json={"question": "revenue"}).status_code == 404
    database.close()


SPENT = "Which customers spent the most?"
GOOD = "select country, count(*) as n from gold.retail.sales_per_hour group by country"


def wrote(sql: str, reading: str = "rows of each country") -> Reply:
    return {"sql": sql, "reading": reading}


def by_model(lake: Settings, *answers: Reply) -> tuple[Asker, Model]:
    model = Model(*answers)
    settings = lake.model_copy(update={"llm_url": model.url, "llm_model": "small-model"})
    return Asker(settings), model


def test_what_is_not_understood_is_answered_by_sql_of_a_model(lake: Settings) -> None:
    asker, model = by_model(lake, wrote(f"{GOOD}; -- done"))
    with model.serving():
        answer = asker.answer("sales rows per nation and customer", CLOCK)
    assert len(answer.result.rows) == 7
    assert answer.sql.endswith("LIMIT 1000")
    assert "small-model" in answer.interpretation
    assert "model wrote" in answer.notes[0]
    told = model.data(0)
    assert "gold.retail.sales_per_hour" in {one["name"] for one in told["tables"]}
    assert not any("email" in one["columns"] for one in told["tables"])


def test_sql_is_repaired_at_most_twice(lake: Settings) -> None:
    bad = wrote("select nothing_such from gold.retail.sales_per_hour")
    asker, model = by_model(lake, bad, wrote("drop table gold.retail.sales_per_hour"), wrote(GOOD))
    with model.serving():
        assert len(asker.answer(SPENT, CLOCK).result.rows) == 7
    assert "nothing_such" in model.data(1)["wrong"]
    assert "DROP" in model.data(2)["wrong"]
    asker, model = by_model(lake, bad)
    with model.serving(), pytest.raises(NotUnderstoodError, match="refused 3 times"):
        asker.answer(SPENT, CLOCK)
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "drop table gold.retail.sales_per_hour",
        "select 1 from gold.retail.sales_per_hour; delete from gold.retail.sales_per_hour",
        "select email from silver.commerce.customers",
        "select * from table(system.query(query => 'select 1'))",
        'select 1 /* */ as x from gold.retail."sales_per_hour$snapshots"',
        "with x as (select * from bronze.commerce.customers) select * from x",
        "select 42 as revenue",
    ],
)
def test_attacks_are_refused(lake: Settings, sql: str) -> None:
    asker, model = by_model(lake, wrote(sql))
    with model.serving(), pytest.raises(NotUnderstoodError, match="refused 3 times"):
        asker.answer(SPENT, CLOCK)
    assert execute(lake, "select count(*) from gold.retail.sales_per_hour").rows[0][0] > 0


def test_a_reading_with_a_number_of_no_row_is_not_shown(lake: Settings) -> None:
    asker, model = by_model(lake, wrote(GOOD, "Sales rose by 4711 percent"))
    with model.serving():
        assert "4711" not in asker.answer(SPENT, CLOCK).interpretation


def test_an_endpoint_that_fails_leaves_the_grammars_refusal(lake: Settings) -> None:
    asker, model = by_model(lake, "no json")
    with model.serving(), pytest.raises(NotUnderstoodError, match="'customers' is not understood"):
        asker.answer(SPENT, CLOCK)
