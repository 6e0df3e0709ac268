"""Insights into texts: packed, cited, guarded, paid for once, and what is said without a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from platform_assets.contracts.load import derived_contract
from platform_assets.core.settings import Settings
from platform_assets.engines import derived
from reports.document import Passage
from reports.enrichment import enrich as room
from reports.enrichment.day import enrich_day, read
from reports.enrichment.enrich import NO_ENDPOINT, NO_PASSAGES, NO_ROUTE, enrich, new_breaker
from reports.enrichment.judge import judge
from reports.enrichment.keep import Answers, Budget
from reports.enrichment.model import Cost, EnrichmentError, Insight, Part, Source
from reports.enrichment.pack import first_fit, lower_bound, pack
from reports.enrichment.prompt import Flag, PartAnswer, Statement
from reports.enrichment.tables import TEXTS as TEXTS_TABLE
from tests.model_peer import Model, Reply, at_once

RULE = Passage(
    id="p1", document="law.md", title="Consumer law",
    text="A seller refunds within 14 days of a withdrawal.",
)  # fmt: skip
TEXTS = [
    Source("a", "returns", "en", "I sent it back 30 days ago and got no refund.", "negative",
           "flagged", ("refund",)),
    Source("b", "returns", "de", "Wo bleibt mein Geld? Ich warte seit 20 Tagen.", "negative",
           "urgent", ("Geld", "refund")),
    Source("c", "product", "en", "The charger caught fire.", "negative", "urgent", ("charger",)),
    Source("d", "product", "en", "Solid.", "positive"),
    Source("e", "service", "en", "Fine.", "neutral"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def retrieve(_query: str) -> list[Passage]:
    return [RULE]


def said(text: str, *texts: str, passages: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"text": text, "texts": list(texts), "passages": list(passages)}


def answer(data: dict[str, Any]) -> dict[str, Any]:
    """What a good model says of each part."""
    parts = []
    for part in data["parts"]:
        ids = [one["id"] for one in part["texts"]]
        parts.append(
            {
                "id": part["id"],
                "summary": said(f"Customers write about {part['category']}.", *ids),
                "notes": [said("Refunds are due within 14 days.", passages=("p1",))],
                "flags": [{**said("A customer may go to court.", ids[0]), "severity": "high"}],
            }
        )
    return {"parts": parts}


Ask = Callable[..., tuple[list[Insight], Cost]]


@pytest.fixture
def ask(settings: Settings) -> Ask:
    def run(peer: Model, sources: list[Source] = TEXTS, **changes: Any) -> Any:
        options = {"llm_url": peer.url, "llm_model": "small-model", **changes}
        with peer.serving():
            return enrich(settings.model_copy(update=options), sources, retrieve)

    return run


def test_a_model_adds_to_the_figures_what_it_can_cite(ask: Ask) -> None:
    peer = Model(answer, usage={"prompt_tokens": 900, "completion_tokens": 100})
    found, cost = ask(peer)
    assert [(one.kind, one.category) for one in found] == [
        ("figures", "product"), ("summary", "product"), ("note", "product"), ("flag", "product"),
        ("figures", "returns"), ("summary", "returns"), ("note", "returns"), ("flag", "returns"),
        ("figures", "service"),
    ]  # fmt: skip
    returns = [one for one in found if one.category == "returns"]
    assert returns[0].text == "2 texts, 2 negative; refund, geld."
    assert returns[2].passages == (RULE,)
    assert (returns[3].severity, returns[3].texts, returns[3].model) == (
        "high", ("a",), "small-model",
    )  # fmt: skip
    assert [one.missing for one in found if one.kind == "figures"] == [(), (), (NO_ROUTE,)]
    assert cost == Cost(2, 0, 1, 900, 100, 0, {})
    # What nobody routed is not sent.
    (request,) = [peer.data(0)]
    assert [[text["id"] for text in part["texts"]] for part in request["parts"]] == [
        ["c"], ["a", "b"],
    ]  # fmt: skip


def test_the_same_texts_are_paid_for_once(ask: Ask, settings: Settings) -> None:
    peer = Model(answer, usage={"prompt_tokens": 900, "completion_tokens": 100})
    first, _ = ask(peer)
    again, cost = ask(Model(500))
    assert again == first
    assert (cost.parts, cost.cached, cost.requests) == (2, 2, 0)
    assert Budget(settings).left() == settings.llm_daily_tokens - 1_000
    other, cost = ask(Model(answer), llm_max_tokens=9, llm_model="small-model")
    assert other == first


def test_without_an_endpoint_the_figures_say_what_is_missing(settings: Settings) -> None:
    found, cost = enrich(settings, TEXTS, retrieve)
    assert {one.kind for one in found} == {"figures"}
    assert {one.missing for one in found} == {(NO_ENDPOINT,)}
    assert cost == Cost()


def test_without_documents_there_are_no_notes(settings: Settings) -> None:
    peer = Model(lambda data: {"parts": [{**one, "notes": []} for one in answer(data)["parts"]]})
    with peer.serving():
        options = {"llm_url": peer.url, "llm_model": "small-model"}
        found, _ = enrich(settings.model_copy(update=options), TEXTS, None)
    assert [one.missing for one in found if one.kind == "figures"] == [
        (NO_PASSAGES,), (NO_PASSAGES,), (NO_ROUTE,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (500, "the model endpoint failed (InternalServerError 500)"),
        (429, "the model endpoint failed (RateLimitError 429)"),
        ("hang", "the model endpoint failed (APITimeoutError)"),
        ("no JSON", "the model's answer"),
        (b"<html>busy</html>", "the model's answer"),
        (b"\xff\x00{", "the model endpoint failed"),
        ({"parts": []}, "the model left this part out"),
        ({"parts": [{"id": "0"}]}, "the model's answer"),
    ],
)
def test_a_model_that_fails_leaves_the_figures_and_says_so(
    ask: Ask, settings: Settings, reply: Reply, words: str
) -> None:
    found, cost = ask(Model(reply), llm_timeout_seconds=0.3)
    assert {one.kind for one in found} == {"figures"}
    told = {one.category: " ".join(one.missing) for one in found}
    assert words in told["product"]
    assert words in told["returns"]
    assert sum(cost.failed.values()) == 2
    assert Answers(settings).find("0" * 64) is None
    # It is asked again, and then it answers.
    found, cost = ask(Model(answer))
    assert (cost.cached, len(found)) == (0, 9)


def test_an_endpoint_that_failed_often_is_left_alone(settings: Settings) -> None:
    sources = [
        Source(f"{n}", f"label {n}", "en", "word " * 180, "negative", "long") for n in range(6)
    ]
    peer = Model(500)
    options = {"llm_url": peer.url, "llm_model": "small-model", "llm_request_tokens": 2_500}
    with peer.serving():
        _, cost = enrich(settings.model_copy(update=options), sources, None, new_breaker())
    asked = len(peer.requests)
    assert asked == 3 * room.FAILURES  # each request is tried three times
    assert any("left alone" in why for why in cost.failed)
    assert sum(cost.failed.values()) == 6


def test_a_day_spends_no_more_than_its_tokens(ask: Ask) -> None:
    peer = Model(answer, usage={"prompt_tokens": 2_900, "completion_tokens": 100})
    _, cost = ask(peer, llm_daily_tokens=3_000)
    assert cost.requests == 1
    later = Model(answer)
    found, cost = ask(
        later, [Source("z", "product", "en", "Other.", route="long")], llm_daily_tokens=3_000
    )
    assert (cost.requests, found[0].missing) == (
        0,
        (f"summary, notes and flags: {room.NO_BUDGET}",),
    )
    assert len(peer.requests) == 1


def test_what_does_not_hold_is_refused_and_the_rest_stays(ask: Ask) -> None:
    def invent(data: dict[str, Any]) -> dict[str, Any]:
        made = answer(data)
        for part in made["parts"]:
            part["summary"]["text"] = "99 customers complain."
            part["notes"][0]["passages"] = ["p9"]
        return made

    found, cost = ask(Model(invent))
    assert [one.kind for one in found if one.category == "returns"] == ["figures", "flag"]
    (figures,) = [one for one in found if one.category == "returns" and one.kind == "figures"]
    assert figures.missing == (
        "summary refused: number 99 is in nothing that it cites",
        "note refused: it cites 'p9', which it was not given",
    )
    assert cost.refused == 4


PART = Part("0", "returns", tuple(TEXTS[:2]), (RULE,))


@pytest.mark.parametrize(
    ("text", "texts", "why"),
    [
        ("Refunds are late by 30 days.", ("a",), ""),
        ("Customers wait for 20 days.", ("b",), ""),
        ("Customers wait for twenty days.", ("b",), ""),
        ("Customers wait for 30 days.", ("b",), "number 30"),
        ("Half of them wait.", ("a", "b"), "number Half"),
        ("Refunds are late.", (), "it cites no text"),
        ("Refunds are late.", ("zz",), "'zz'"),
        ("See https://evil.example for it.", ("a",), "an address"),
        ("Mail boss@evil.example.", ("a",), "an address"),
        ("", ("a",), "characters"),
        ("late " * 200, ("a",), "characters"),
    ],
)
def test_a_statement_stands_on_what_it_cites(text: str, texts: tuple[str, ...], why: str) -> None:
    given = Statement(text=text, texts=texts, passages=())
    found = judge(PART, PartAnswer(id="0", summary=given, notes=(), flags=()), "m")
    assert len(found.insights) == (not why)
    assert why in "".join(found.refused)


def test_a_note_needs_a_passage_and_a_flag_a_text() -> None:
    fine = Statement(text="Refunds are late.", texts=("a",), passages=())
    flag = Flag(text="A risk.", texts=(), passages=("p1",), severity="low")
    found = judge(PART, PartAnswer(id="0", summary=fine, notes=(fine,), flags=(flag,)), "m")
    assert [one.kind for one in found.insights] == ["summary"]
    assert found.refused == (
        "note refused: it cites no passage", "flag refused: it cites no text",
    )  # fmt: skip


def fewest(sizes: list[int], capacity: int) -> int:
    """The optimum, by trying everything."""
    best = len(sizes)

    def place(at: int, room: list[int]) -> None:
        nonlocal best
        if len(room) >= best:
            return
        if at == len(sizes):
            best = len(room)
            return
        for one, free in enumerate(room):
            if free >= sizes[at]:
                place(at + 1, [*room[:one], free - sizes[at], *room[one + 1 :]])
        place(at + 1, [*room, capacity - sizes[at]])

    place(0, [])
    return best


@trying(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 20), max_size=9), st.integers(20, 30))
def test_no_packing_has_fewer_requests(sizes: list[int], capacity: int) -> None:
    found = pack(sizes, capacity)
    assert found.proven
    assert sorted(at for some in found.bins for at in some) == list(range(len(sizes)))
    assert all(sum(sizes[at] for at in some) <= capacity for some in found.bins)
    best = fewest(sizes, capacity)
    assert lower_bound(sizes, capacity) <= len(found.bins) == best
    assert best <= len(first_fit(sizes, capacity))


def test_where_greedy_wastes_a_request_the_optimum_is_found_and_time_is_bounded() -> None:
    sizes = [6, 6, 5, 5, 4, 4, 3, 3, 2, 2] * 2  # fills four twenties; first fit leaves holes
    assert len(pack(sizes, 20).bins) == 4
    assert len(first_fit([4, 4, 5, 5, 6, 6], 10)) == 4
    assert len(pack([4, 4, 5, 5, 6, 6], 10).bins) == 3
    stopped = pack([34, 33, 33, 33, 34, 33, 26, 26, 48], 100, seconds=0.0)
    assert sum(len(some) for some in stopped.bins) == 9
    with pytest.raises(ValueError, match="does not fit"):
        pack([11], 10)


def test_a_day_goes_from_table_to_table_with_passages_of_the_folder(
    tmp_path: Path,
) -> None:
    documents = tmp_path / "knowledge" / "documents" / "sector"
    documents.mkdir(parents=True)
    (documents / "law.md").write_text(f"# Consumer law\n\n{RULE.text}\n")
    table, moment = derived_contract(TEXTS_TABLE), datetime(2026, 4, 2, 9, tzinfo=UTC)
    columns = {one.name: None for one in table.columns} | {
        "source_topic": "feedback.reviews", "characters": 1, "language_confidence": 1.0,
        "functions": "f", "study": "s", "missing": "[]", "entities": "[]", "timestamp": moment,
    }  # fmt: skip
    rows = [
        columns | {
            "event_id": one.id, "source_event_id": one.id, "category": one.category,
            "language": one.language, "summary": one.text, "sentiment": one.sentiment,
            "route": one.route, "key_phrases": json.dumps(one.phrases),
            "duplicate_of": "a" if one.id == "b" else None,
        }
        for one in TEXTS
    ]  # fmt: skip
    schema = pl.DataFrame(derived.layout(table).schema.empty_table()).drop(derived.DATE).schema

    def cite(data: dict[str, Any]) -> dict[str, Any]:
        made = answer(data)
        for part, asked in zip(made["parts"], data["parts"], strict=True):
            part["notes"][0]["passages"] = [asked["passages"][0]["id"]]
        return made

    peer = Model(cite)
    settings = Settings(
        home=tmp_path, llm_url=peer.url, llm_model="small-model", text_collection="sector"
    )
    with pytest.raises(EnrichmentError, match="silver/feedback/enriched"):
        read(settings, moment.date())
    derived.replace_day(settings, table, moment.date(), pl.DataFrame(rows, schema=schema))
    with peer.serving():
        count, cost = enrich_day(settings, moment.date())
        again, _ = enrich_day(settings, moment.date())
    # The repeat of another text is neither counted nor sent.
    assert {one["id"] for part in peer.data(0)["parts"] for one in part["texts"]} == {"a", "c"}
    assert (cost.refused, cost.failed, count) == (0, {}, 9)
    assert (again, len(peer.requests)) == (9, 1)
    found = pl.read_delta(str(tmp_path / "lake/silver/feedback/insights"))
    assert found.height == 9
    (note,) = found.filter(
        (pl.col("kind") == "note") & (pl.col("category") == "returns")
    ).to_dicts()
    (passage,) = json.loads(note["passages"])
    assert (passage["document"], passage["title"]) == ("law.md", "Consumer law")
    assert note["event_date"] == moment.date()
