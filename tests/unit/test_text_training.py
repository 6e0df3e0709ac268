"""Trainings: same data, same bits; better than guessing; nothing scored that was learned from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ml.store.artefact import ArtefactError, open_artefact
from ml.text import encoder, entity_training, sentiment_training
from ml.text.corpora import CorpusError, Sentence, Span, fingerprint, opinions, sentences
from ml.text.encoder import encode, encode_words
from ml.text.entities import Tagger, spans
from ml.text.entity_training import divide, span_f1, tags
from ml.text.gazetteer import Gazetteer
from ml.text.publish import TENSORS, write
from ml.text.published import parts
from ml.text.reader import Models, read
from ml.text.sentiment import Judge
from ml.text.tokens import tokens
from ml.text.train import corpora, train
from ml.text.trained import ENTITIES, SENTIMENT, ModelError, Trained
from tests.text_corpora import write_opinions, write_sentences

KEY = b"k" * 32


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    write_opinions(folder / "moods")
    write_sentences(folder / "names")
    return folder


@pytest.fixture(scope="module")
def quick_names() -> pytest.MonkeyPatch:
    with pytest.MonkeyPatch.context() as patch:
        names = Gazetteer.of({"place": ["Oslo"]})
        patch.setattr(entity_training, "known_names", lambda: names)
        yield patch


@pytest.fixture(scope="module")
def trained(data: Path, quick_names: pytest.MonkeyPatch) -> dict[str, Trained]:
    return {model: train(model, folder) for model, folder in corpora(data).items()}


def test_a_folder_says_what_it_can_train(data: Path, tmp_path: Path):
    assert corpora(data) == {SENTIMENT: data / "moods", ENTITIES: data / "names"}
    assert corpora(data / "names") == {ENTITIES: data / "names"}
    with pytest.raises(CorpusError, match="labelled texts"):
        corpora(tmp_path)


@pytest.mark.parametrize("model", [SENTIMENT, ENTITIES])
def test_the_same_data_gives_the_same_artefact(
    model: str, data: Path, trained: dict[str, Trained], tmp_path: Path
):
    again = train(model, corpora(data)[model])
    digests = []
    for name, one in (("a", trained[model]), ("b", again)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, one, KEY)
        digests.append(open_artefact(tmp_path / name, KEY).hashes)
    assert digests[0] == digests[1]


def test_what_is_sealed_reads_as_what_was_trained(trained: dict[str, Trained], tmp_path: Path):
    opened = {}
    for model, one in trained.items():
        (tmp_path / model).mkdir()
        write(tmp_path / model, one, KEY)
        opened[model] = parts(open_artefact(tmp_path / model, KEY))
    models = Models(Judge.of(opened[SENTIMENT]), Tagger.of(opened[ENTITIES]))
    fresh = Models(Judge.of(trained[SENTIMENT].parts), Tagger.of(trained[ENTITIES].parts))
    texts = ["I hate the train to Oslo", "Anna Berg works for Acme AG in Porto .", "王芳在北京。"]
    found = read(texts, models)
    assert found == read(texts, fresh)
    assert found[0].sentiment is not None
    assert found[0].sentiment.label == "negative"
    assert [(e.kind, e.text) for e in found[1].entities] == [
        ("person", "Anna Berg"), ("organisation", "Acme AG"), ("place", "Porto"),
    ]  # fmt: skip
    assert [(e.kind, e.text) for e in found[2].entities] == [("person", "王芳"), ("place", "北京")]


def test_a_changed_byte_is_refused(trained: dict[str, Trained], tmp_path: Path):
    write(tmp_path, trained[ENTITIES], KEY)
    content = bytearray((tmp_path / TENSORS).read_bytes())
    content[-1] ^= 1
    (tmp_path / TENSORS).write_bytes(content)
    with pytest.raises(ArtefactError, match="not the file that was sealed"):
        open_artefact(tmp_path, KEY)


@pytest.mark.parametrize("model", [SENTIMENT, ENTITIES])
def test_a_model_of_another_release_is_refused(model: str, trained: dict[str, Trained]):
    old = dataclasses.replace(trained[model].parts, documents={})
    with pytest.raises(ModelError) as refused:
        (Judge if model == SENTIMENT else Tagger).of(old)
    assert "weir text train" in refused.value.hint


def test_figures_are_better_than_guessing(trained: dict[str, Trained]):
    assert trained[SENTIMENT].metrics["macro_f1_en"] > 0.9
    assert trained[SENTIMENT].metrics["ece"] < 0.2
    assert trained[ENTITIES].metrics["span_f1_de"] > 0.8
    assert trained[ENTITIES].metrics["f1"] > 0.8


def test_no_translation_of_a_sentence_that_is_scored_is_learned_from():
    def row(language: str, number: int) -> Sentence:
        return Sentence(f"{language} {number}", (), language, f"made/{number}")

    rows = [*(row("de", n) for n in range(10)), *(row("ru", n) for n in range(4, 14))]
    learned, left_out = divide(rows)
    assert {one.text for one in left_out} == {"de 7", "de 8", "de 9", "ru 11", "ru 12", "ru 13"}
    assert not {one.key for one in learned} & {one.key for one in left_out}
    assert "ru 7" not in {one.text for one in learned}
    assert "ru 6" in {one.text for one in learned}


def test_tags_and_spans_are_each_others_inverse():
    text = "Anna Berg, of Acme-Blau"
    given = (Span("person", 0, 9), Span("organisation", 14, 23))
    words = tokens(text)
    found = [(kind, words[a].start, words[b].end) for kind, a, b in spans(tags(words, given))]
    assert found == [(one.kind, one.start, one.end) for one in given]
    assert list(spans(["I-place", "B-place", "O", "I-place", "I-person"])) == [
        ("place", 0, 0), ("place", 1, 1), ("place", 3, 3), ("person", 4, 4),
    ]  # fmt: skip


def test_a_span_counts_only_where_kind_start_and_end_are_right(trained: dict[str, Trained]):
    (said,) = Tagger.of(trained[ENTITIES].parts).find(
        ["Anna Berg works for Acme AG in Oslo ."], ["en"]
    )
    spot = [Span(e.kind, e.start, e.end) for e in said]
    assert span_f1([spot], [said]) == 1
    assert span_f1([[dataclasses.replace(spot[0], end=4), *spot[1:]]], [said]) == pytest.approx(
        2 / 3
    )
    assert span_f1([[]], [[]]) == 0


def test_a_language_without_labelled_texts_is_judged_by_the_others(trained: dict[str, Trained]):
    (found,) = Judge.of(trained[SENTIMENT].parts).judge(
        ["c'est affreux, triste, je déteste"], ["fr"]
    )
    assert found.label == "negative"


def test_bad_corpora_name_file_and_line(tmp_path: Path):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "train.csv").write_text("text,label\nfine,good\n")
    with pytest.raises(CorpusError, match=r"train.csv, line 2: label 'good'"):
        opinions(tmp_path, "train")
    (tmp_path / "xx_bad.iob2").write_text("# text = a b\n1\tc\tO\n\n")
    with pytest.raises(CorpusError, match=r"xx_bad.iob2, line 3: 'c' is not in its text"):
        sentences(tmp_path)
    few = write_opinions(tmp_path / "few", count=3)
    with pytest.raises(CorpusError, match="10 texts of each label"):
        sentiment_training.by_language(opinions(few, "train"))


def test_a_fingerprint_tells_rows_apart(data: Path):
    rows = opinions(data / "moods", "train")
    assert fingerprint(rows) == fingerprint(list(rows))
    assert fingerprint(rows) != fingerprint(rows[::-1])


@pytest.mark.parametrize("text", ["Anna Berg flew to Oslo yesterday.", "然而北京很大", "ok"])
def test_words_are_encoded_by_the_layers_that_the_library_has(text: str):
    model = encoder._encoder()._model
    pieces = model.sp.encode([text], out_type=int, add_bos=True, add_eos=True)
    known = encoder.layers(pieces)
    # What the library does from there on.
    mean = (known.sum(axis=0) @ model.cnn_W + len(known) * model.cnn_b) / np.sqrt(len(known))
    inner = np.maximum(mean @ model.p1 + np.maximum(mean @ model.d0, 0) @ model.d1, 0)
    whole = np.tanh(inner @ model.p3 + np.maximum(inner @ model.d2, 0) @ model.d3)
    assert np.allclose(whole / np.linalg.norm(whole), encode([text])[0], atol=1e-4)


def test_each_word_has_a_vector_also_in_chinese_and_in_a_batch():
    texts = ["Anna flew to 北京 today.", "然而，北京很大", "", "\ufffd🙂 x"]
    words = [tokens(text) for text in texts]
    together = encode_words(words)
    assert [len(one) for one in together] == [len(some) for some in words]
    for some, vectors in zip(words, together, strict=True):
        assert np.isfinite(vectors).all()
        assert np.allclose(vectors, encode_words([some])[0], atol=1e-3)
    # The characters of one Chinese word share its vector, and others do not.
    beijing = [word.text for word in words[1]].index("北")
    assert np.allclose(together[1][beijing], together[1][beijing + 1])
    assert not np.allclose(together[1][beijing], together[1][0])
