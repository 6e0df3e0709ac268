"""What is understood of texts: routes, batches, and texts that the functions refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.text.functions import ReaderFunctions
from ml.text.reader import Models
from platform_assets.processors.model import ProcessorError
from platform_assets.processors.understand import (
    LONG_CHARACTERS,
    Text,
    Understood,
    Unreadable,
    understand,
    understand_each,
)
from tests.text_functions import POISON, WordFunctions

TEXTS = st.lists(
    st.builds(
        Text, st.sampled_from(["good", "bad", POISON, "", "Ada in Ulm", "x" * 600]), st.booleans()
    ),
    max_size=30,
)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        (Text("it is good"), "quick"),
        (Text("it is bad"), "quick"),
        (Text("bad bad bad bad"), "flagged"),
        (Text("good good good good"), "quick"),
        (Text("fine", urgent=True), "urgent"),
        (Text("x" * LONG_CHARACTERS), "quick"),
        (Text("x" * (LONG_CHARACTERS + 1)), "long"),
    ],
)
def test_only_texts_that_need_it_take_the_costly_step(text: Text, route: str) -> None:
    functions = WordFunctions()
    (found,) = understand(functions, [text])
    assert found.route == route
    assert functions.routed == (0 if route == "quick" else 1)


@given(TEXTS)
def test_a_text_that_is_refused_stops_no_other(texts: list[Text]) -> None:
    found = understand_each(WordFunctions(), texts)
    assert [isinstance(one, Unreadable) for one in found] == [POISON in one.text for one in texts]
    good = [one for one in texts if POISON not in one.text]
    # However the others were asked for, each is what it is alone.
    alone = [understand(WordFunctions(), [one])[0] for one in good]
    assert [one for one in found if isinstance(one, Understood)] == alone


def test_functions_that_read_nothing_are_told_from_texts_that_cannot_be_read() -> None:
    with pytest.raises(ProcessorError, match=r"words-1 do not work: ValueError: no words"):
        understand_each(WordFunctions(broken=True), [Text("good"), Text("bad")])


def test_the_room_of_texts_gives_what_a_processor_takes() -> None:
    functions = ReaderFunctions(Models(), "untrained")
    german, empty = understand(
        functions, [Text("Der Versand kostet 12,50 €, viel zu viel.", urgent=True), Text("")]
    )
    assert german.reading.language == "de"
    assert german.reading.sentiment is None
    assert german.route == "urgent"
    assert [(one.kind, one.value) for one in german.entities] == [("money", "12.5 EUR")]
    assert (empty.reading.language, empty.entities) == ("und", ())
