"""One text, three ways: in the stream, in the batch over history, in SQL; row for row the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from ml.text.classify import Classifier
from ml.text.functions import ReaderFunctions, Studies
from ml.text.reader import Models
from ml.text.sector import load_sector
from platform_assets.contracts.load import derived_contract
from platform_assets.gold.fresh import FreshGold
from platform_assets.gold.register import register_tables
from platform_assets.processors.enrich import Enriched, enrich_day
from platform_assets.processors.model import FEEDBACK, ProcessorError
from tests.integration import gold_rows
from tests.integration.gold_lake import Lake
from tests.integration.speed import Speed
from tests.text_corpora import judge
from tests.text_functions import POISON, WordFunctions

TABLE = derived_contract(FEEDBACK.derived)
DAY = datetime(2026, 4, 2, 9, tzinfo=UTC)
TEXTS = {
    "r1": "I love it, the parcel arrived on 3 March 2026 and cost 12.50 EUR.",
    "r2": "i love it, the parcel arrived on 3 march 2026 and cost 12.50 eur",
    "r3": "Das war furchtbar, der Kundendienst ist unfreundlich und hat nie geantwortet.",
    "r4": "x" * 600,
    "r5": "",
}
SAME = (
    "source_event_id", "characters", "language", "sentiment", "intensity", "route", "entities",
    "functions",
)  # fmt: skip
SQL = """
select review.event_id, review_ai.characters, review_ai.language,
    {{{{ ai_sentiment('review') }}}}, review_ai.intensity, review_ai.route, review_ai.entities,
    review_ai.functions, {{{{ ai_classify('review') }}}}, {{{{ ai_classify('review', 1.01) }}}},
    {{{{ ai_extract('review', 'money') }}}}, review_ai.duplicate_of
from {table} review
{{{{ ai_join('review', '{topic}') }}}}
order by 1
"""


@pytest.fixture
def speed(lake: Lake, gold: FreshGold) -> Iterator[Speed]:
    made = Speed(lake.settings)
    # The tickets have no table in this lake.
    made.definition = replace(made.definition, inputs=made.definition.inputs[:1])
    yield made
    made.store.close()


def written(speed: Speed) -> pl.DataFrame:
    """The derived table's rows of the test's topic."""
    table = pl.read_delta(f"{speed.settings.lake_root}/silver/feedback/enriched")
    mine = table.filter(pl.col("source_topic") == str(speed.reviews.topic))
    return mine.sort("source_event_id")


def test_stream_batch_and_sql_say_the_same(speed: Speed, lake: Lake, gold: FreshGold) -> None:
    models = Models(judge())
    functions = ReaderFunctions(models, "three ways")
    studies = Studies(models, Classifier.of(load_sector("retail")), "studies")
    speed.send(
        [
            *(speed.review(name, text, DAY + timedelta(minutes=n))
              for n, (name, text) in enumerate(TEXTS.items())),
            speed.review("next", "The day after.", DAY + timedelta(days=1)),
        ]
    )  # fmt: skip
    speed.run_until(lambda: speed.stored() == len(TEXTS) + 1, functions=functions)
    speed.lake.run()

    def enrich(day: date) -> Enriched:
        return enrich_day(
            speed.settings, speed.definition, functions, studies, speed.contracts, TABLE, day
        )  # fmt: skip

    assert enrich(DAY.date()).rows == len(TEXTS)
    assert enrich(DAY.date() + timedelta(days=1)).rows == 1
    before = written(speed)
    assert enrich(DAY.date()).rows == len(TEXTS)
    assert written(speed).equals(before)  # again, and no other day is touched
    assert enrich(date(2026, 4, 9)).rows == 0

    stream = {one["source_event_id"]: one for one in speed.results()}
    for row in before.to_dicts():
        assert {name: row[name] for name in SAME} == {
            name: stream[row["source_event_id"]][name] for name in SAME
        }

    (topic,) = [one for one in speed.contracts.values() if one.topic == speed.reviews.topic]
    register_tables(speed.settings, [topic])
    rows = lake.query(rendered(gold, SQL.format(table=topic.topic.silver.sql, topic=topic.topic)))
    batch = before.select(*SAME).rows()
    assert [tuple(row[: len(SAME)]) for row in rows] == [tuple(one) for one in batch]
    by_event = {row[0]: row[len(SAME) :] for row in rows}
    assert tuple(by_event["r1"][:3]) == ("delivery", "unknown", ["12.50 EUR"])
    assert by_event["r2"][3] == "r1"
    assert by_event["r3"][0] == "service"
    assert by_event["r5"][0] is None


def rendered(gold: FreshGold, sql: str) -> str:
    """SQL with its macros, as dbt compiles it for this lake."""
    answer: Any = gold._start().invoke(["compile", "--inline", sql, *gold._common()])
    assert answer.success, answer.exception
    return str(answer.result.results[0].node.compiled_code)


def test_the_test_of_every_full_build_finds_a_difference(lake: Lake, gold: FreshGold) -> None:
    """On the lake's own reviews, and what the stream would have written of them."""
    functions, day = WordFunctions("both"), (gold_rows.FIRST + timedelta(days=1)).date()
    studies = Studies(Models(), Classifier.of(load_sector("retail")), "studies")
    made = enrich_day(
        lake.settings, FEEDBACK, functions, studies, lake.contracts, TABLE, day
    )  # fmt: skip
    assert made.rows > 0
    results = lake.contracts[FEEDBACK.output]
    enriched = pl.read_delta(f"{lake.settings.lake_root}/silver/feedback/enriched")
    mine = enriched.filter((pl.col("event_date") == day) & (pl.col("functions") == "both"))
    own = {column.name for column in results.columns} & set(mine.columns)
    rows = [
        {"source_partition": 0, "source_offset": 0, "arrived_at": gold_rows.FIRST, **row}
        for row in mine.select(own).to_dicts()
    ]
    before = lake.frames[FEEDBACK.output]

    def said() -> list[str]:
        lake.put(FEEDBACK.output, gold_rows.frame(results, rows))
        asked = ["test", "--select", "enriched_agrees_with_stream", *gold._common()]
        answer: Any = gold._start().invoke(asked)
        return [f"{one.status} {one.failures}" for one in answer.result.results]

    try:
        assert said() == ["pass 0"]
        (review, *_) = [row for row in rows if row["source_topic"] == "feedback.reviews"]
        review["sentiment"] = "positive" if review["sentiment"] == "negative" else "negative"
        assert said() == ["fail 1"]
        review["functions"] = "an earlier version"
        assert said() == ["pass 0"]
    finally:
        lake.put(FEEDBACK.output, before)


def test_a_text_that_is_refused_is_counted_and_broken_functions_write_nothing(
    speed: Speed,
) -> None:
    speed.send([speed.review("r1", "good", DAY), speed.review("r2", f"{POISON} thing", DAY)])
    speed.lake.run()
    studies = Studies(Models(), Classifier.of(load_sector("retail")), "studies")

    def enrich(functions: WordFunctions) -> Enriched:
        return enrich_day(
            speed.settings, speed.definition, functions, studies, speed.contracts, TABLE,
            DAY.date(),
        )  # fmt: skip

    made = enrich(WordFunctions())
    assert (made.rows, made.unreadable) == (1, 1)
    with pytest.raises(ProcessorError, match="words-1 do not work"):
        enrich(WordFunctions(broken=True))
    assert written(speed)["source_event_id"].to_list() == ["r1"]
