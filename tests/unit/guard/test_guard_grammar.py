"""Generated sentences: the true ones pass, and no mutation of them does."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.guard.grammar import mutations, true_sentence, world


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_a_true_sentence_passes_and_its_mutations_do_not(seed: int) -> None:
    random = Random(seed)
    facts = world(random)
    said = true_sentence(random, facts)
    assert facts.accepts(said.text), said.text
    passed = {kind: text for kind, text in mutations(random, said).items() if facts.accepts(text)}
    assert not passed, passed
