"""What is found beside a reading: categories, phrases, summaries, quality, repeats, links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.text.classify import UNKNOWN, Classifier
from ml.text.duplicates import NEAR, duplicates
from ml.text.functions import Studies
from ml.text.keyphrases import DENSE, key_phrases
from ml.text.links import links
from ml.text.quality import quality
from ml.text.reader import LONGEST, NO_ENTITIES, NO_SENTIMENT, Models, read
from ml.text.results import Entity, Language, Named, Sentiment
from ml.text.sector import SectorError, load_sector
from ml.text.sentences import sentences
from ml.text.study import study
from ml.text.summary import SENTENCES, summaries
from platform_assets.contracts.load import derived_contracts
from platform_assets.processors.model import FEEDBACK
from tests.unit.test_text_reader import ANY_TEXT

LATE = "The parcel came three weeks late and nobody answered my mails about it at all."
SURE = Language("en", 1.0)


@pytest.fixture(scope="module")
def retail() -> Classifier:
    return Classifier.of(load_sector("retail"))


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(ANY_TEXT, max_size=4))
def test_every_text_has_a_study_of_its_own_words(retail: Classifier, texts: list[str]) -> None:
    found = study(texts, read(texts), retail)
    assert len(found) == len(texts)
    for place, (text, one) in enumerate(zip(texts, found, strict=True)):
        assert one.category in {None, UNKNOWN, *retail.sector.examples}
        assert 0 <= one.quality <= 1
        assert (one.quality < 1) == bool(one.quality_reasons)
        shown = "".join(text.split()).replace("\x00", "\ufffd")
        if not any(0xD800 <= ord(c) < 0xE000 for c in text):
            assert all("".join(phrase.split()) in shown for phrase in one.key_phrases)
        for other in (one.duplicate_of, one.near_duplicate_of):
            assert other is None or other < place
        json.dumps(one.to_json())


def test_a_text_is_studied_the_same_alone_or_in_a_batch(retail: Classifier) -> None:
    texts = [LATE, "Great staff! Very friendly. I will come again. Thanks.", "", "东京很大。"]
    together = study(texts, read(texts), retail)
    assert together == [study([text], read([text]), retail)[0] for text in texts]
    assert DENSE in together[3].missing


@given(text=ANY_TEXT)
def test_sentences_are_in_order_and_lose_only_space(text: str) -> None:
    found = sentences(text)
    assert all(text[one.start : one.end] == one.text == one.text.strip() for one in found)
    assert "".join("".join(one.text.split()) for one in found) == "".join(text.split())


def test_sentences_end_where_a_reader_sees_it() -> None:
    text = 'It cost 12.50 EUR. "Never again!" she said.\n终于到了。很好！'
    assert [one.text for one in sentences(text)] == [
        "It cost 12.50 EUR.", '"Never again!"', "she said.", "终于到了。", "很好！",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("where is my parcel, it should have been here last week", "delivery"),
        ("la livraison est en retard", "delivery"),
        ("je veux un remboursement", "returns"),
        ("the lady on the phone was very rude", "service"),
        ("I cannot sign in since yesterday", "account"),
        ("The president visited Oslo and met the king", UNKNOWN),
        ("Photosynthesis needs light", UNKNOWN),
    ],
)
def test_texts_of_a_sector_are_told_apart_and_others_are_unknown(
    retail: Classifier, text: str, label: str
) -> None:
    (found,) = retail.classify([text])
    assert found.label == label


def test_the_shipped_sector_is_learned_well_enough(retail: Classifier) -> None:
    assert retail.accuracy > 0.7  # 48 examples of 6 labels, each judged by the others


def test_labelled_rows_teach_a_sector_and_two_labels_are_enough(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "text,label\nthe pump leaks oil,machine\nbearing is too hot,machine\n"
        "motor vibrates,machine\n"
    )
    (tmp_path / "plant.yaml").write_text(
        "sector: plant\nrows: rows.csv\nthreshold: 0.4\nlabels:\n  machine: []\n  people:\n"
        "  - the shift is short of staff\n  - Anna is ill today\n  - we need a new operator\n"
    )
    plant = Classifier.of(load_sector(str(tmp_path / "plant.yaml")))
    assert [one.label for one in plant.classify(["oil runs out of the pump", "Tom is ill"])] == [
        "machine", "people",
    ]  # fmt: skip
    assert plant.classify([]) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("labels: {a: [x, y, z]}", "two or more"),
        ("labels: {a: [x, y, z], b: [x]}", "'b' has 1 examples"),
        ("labels: {a: [x, y, z], b: nothing}", "'b'"),
        ("labels: {a: [x, y, z], b: [p, q, r]}\nthreshold: high", "threshold"),
        ("labels: {a: [x, y, z], b: [p, q, r]}\nrows: gone.csv", "gone.csv"),
        ("- : [", "not YAML"),
    ],
)
def test_a_sector_that_cannot_be_used_names_its_file(
    tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(SectorError, match=r"mine\.yaml") as refused:
        load_sector(str(path))
    assert words in str(refused.value)


def test_key_phrases_are_what_a_text_turns_on() -> None:
    text = (
        "The coffee machine is broken. The coffee machine leaks, and the seller of the coffee "
        "machine does not answer. It was the weather."
    )
    found = key_phrases(text, "en")
    assert found[0] == "coffee machine"
    assert "the" not in " ".join(found).lower().split()
    assert key_phrases("Die Maschine und das Gerät", "de") == ("Maschine", "Gerät")
    assert key_phrases("", "en") == key_phrases("今天天气很好", "zh") == ()


def test_a_summary_is_the_central_sentences_in_their_order() -> None:
    text = (
        "Hello. My parcel with the shoes is late. I have waited for the parcel for three weeks. "
        "The parcel has still not been delivered. By the way, I like jazz."
    )
    (found,) = summaries([text])
    assert len(sentences(found)) == SENTENCES
    assert "parcel" in found
    assert "jazz" not in found
    assert all(one.text in text for one in sentences(found))
    assert summaries(["Short. Text.", "", "One"]) == ["Short. Text.", "", "One"]


@pytest.mark.parametrize(
    ("text", "score", "reasons"),
    [
        (LATE, 1.0, ()), ("", 0.0, ("empty",)), ("12 !!", 0.0, ("empty",)), ("ok", 0.4, ("short",)),
        ("bad bad bad bad bad bad bad bad bad", 0.5, ("repetition",)),
        ("see https://shop.example/item/123456 for it please", 0.6, ("addresses",)),
        ("WHY DOES NOBODY ANSWER MY MAILS", 0.8, ("capitals",)),
        (f"{LATE} {'word ' * LONGEST}", 0.45, ("repetition", "cut")),
    ],
)  # fmt: skip
def test_quality_says_why(text: str, score: float, reasons: tuple[str, ...]) -> None:
    assert quality(text, SURE) == (score, reasons)
    doubted = quality(text, Language("en", 0.3))
    assert doubted[0] <= score
    assert ("language" in doubted[1]) == (score > 0)


def test_what_repeats_an_earlier_text_names_the_first() -> None:
    long = f"{LATE} So I went to the shop and asked for my money, which they did not give me."
    near = long.replace("three", "two")
    found = duplicates([long, "Fine.", long.upper() + "!!", near, "Fine", near, "", ""])
    assert [one.of for one in found] == [None, None, 0, None, 1, 3, None, None]
    assert [one.near for one in found] == [None, None, None, 0, None, None, None, None]
    assert NEAR <= found[3].similarity < 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abc ", max_size=30), max_size=12))
def test_near_duplicates_are_nearly_the_same(texts: list[str]) -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return set(pairwise(words))

    for place, one in enumerate(duplicates(texts)):
        if one.near is not None:
            both = runs(texts[place]), runs(texts[one.near])
            assert len(both[0] & both[1]) / len(both[0] | both[1]) >= NEAR
        if one.of is not None:
            assert texts[one.of].split() == texts[place].split()


def test_links_join_what_one_sentence_names() -> None:
    text = "Anna met Acme in Oslo. ANNA left Acme. Tom paid 5 EUR."
    entities = [
        Entity(kind, text.index(word, start), text.index(word, start) + len(word), word, 1.0)
        for kind, word, start in (
            ("person", "Anna", 0), ("organisation", "Acme", 0), ("place", "Oslo", 0),
            ("person", "ANNA", 0), ("organisation", "Acme", 25), ("person", "Tom", 0),
            ("money", "5 EUR", 0),
        )
    ]  # fmt: skip
    anna, acme, oslo = (
        Named("person", "Anna"), Named("organisation", "Acme"), Named("place", "Oslo"),
    )  # fmt: skip
    assert [(one.one, one.other, one.count) for one in links(text, entities)] == [
        (acme, anna, 2), (acme, oslo, 1), (anna, oslo, 1),
    ]  # fmt: skip


class Calm:
    """A model of sentiment that is there; a study does not ask it."""

    def judge(self, texts: Sequence[str], languages: Sequence[str]) -> list[Sentiment]:
        raise AssertionError("a study asks no model of sentiment")


def test_the_batch_gets_the_columns_of_its_table(retail: Classifier) -> None:
    (table,) = [one for one in derived_contracts() if one.topic == FEEDBACK.derived]
    texts = [LATE, LATE, ""]
    found = Studies(Models(sentiment=Calm()), retail, "1").study(texts, ["a", "b", "c"])
    assert set(found[0]) <= {column.name for column in table.columns}
    assert [one["duplicate_of"] for one in found] == [None, "a", None]
    assert json.loads(str(found[0]["missing"])) == [NO_ENTITIES]
    assert found[2]["category"] is None
    untrained = Studies(Models(), retail, "1").study([LATE], ["a"])
    assert json.loads(str(untrained[0]["missing"])) == [NO_SENTIMENT, NO_ENTITIES]
