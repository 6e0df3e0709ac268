"""Where passages start and end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.knowledge.chunks import (
    MAX_CHARACTERS,
    OVERLAP_CHARACTERS,
    chunk,
    clean,
    entries,
)
from reports.knowledge.model import Block, Document

texts = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(["word", "Sentence ends.", "数字。", "x" * 700, "\n"]), max_size=400
    ).map(" ".join),
)
blocks = st.lists(
    st.builds(
        Block,
        text=texts,
        heading=st.sampled_from(["", "One", "Two"]),
        page=st.sampled_from([None, 1, 2]),
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(blocks)
def test_passages_are_bounded_and_keep_every_word_and_place(given_blocks: list[Block]) -> None:
    pieces = list(chunk(given_blocks))
    assert all(0 < len(piece.text) <= MAX_CHARACTERS for piece in pieces)
    for place in {(block.heading, block.page) for block in given_blocks}:
        words = " ".join(
            clean(block.text) for block in given_blocks if (block.heading, block.page) == place
        ).split()
        held = " ".join(piece.text for piece in pieces if (piece.heading, piece.page) == place)
        assert all(word in held for word in words)


def test_neighbours_are_joined_and_headings_and_pages_part() -> None:
    given_blocks = [
        Block("a", "One", 1), Block("b", "One", 1), Block("c", "Two", 1), Block("d", "Two", 2),
    ]  # fmt: skip
    assert [piece.text for piece in chunk(given_blocks)] == ["a\nb", "c", "d"]


def test_a_cut_repeats_the_last_sentences() -> None:
    sentences = [f"Sentence number {number:03} says something." for number in range(100)]
    pieces = [piece.text for piece in chunk([Block(" ".join(sentences))])]
    assert len(pieces) > 3
    for before, after in pairwise(pieces):
        shared = [sentence for sentence in sentences if sentence in before and sentence in after]
        assert shared
        assert after.startswith(shared[0])
        assert len(" ".join(shared)) <= OVERLAP_CHARACTERS
    assert all(any(sentence in piece for piece in pieces) for sentence in sentences)


def test_a_paragraph_that_fits_is_never_cut() -> None:
    blocks_given = [Block("x" * 700), Block("y" * 700)]
    assert [piece.text for piece in chunk(blocks_given)] == ["x" * 700, "y" * 700]


def test_ids_follow_from_content_alone() -> None:
    first = entries("a.md", Document("A", [Block("one", "H"), Block("two", "I")]), "file:1")
    again = entries("a.md", Document("B", [Block("one", "H"), Block("new", "I")]), "file:2")
    assert first[0].id == again[0].id
    assert first[1].id != again[1].id
    elsewhere = entries("b.md", Document("A", [Block("one", "H")]), "file:1")
    assert elsewhere[0].id != first[0].id


def test_the_same_text_twice_has_two_ids() -> None:
    found = entries("a", Document("A", [Block("same", "H"), Block("b"), Block("same", "H")]), "f")
    assert len({entry.id for entry in found}) == 3
    assert [entry.count for entry in found] == [3, 3, 3]
