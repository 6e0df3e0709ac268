"""Other models of sentiment and names: a folder of Hugging Face, a server of KServe's protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ml.text import kserve
from ml.text.backend import BackendError
from ml.text.chosen import entity_backend, sentiment_backend
from ml.text.functions import ReaderFunctions
from ml.text.hugging_face import HuggingFaceEntities, HuggingFaceSentiment
from ml.text.kserve import ROWS, KServeEntities, KServeSentiment
from ml.text.reader import Models, read
from ml.text.results import LABELS
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.processors.model import ProcessorError
from platform_assets.processors.understand import Text, understand_each
from tests.peer import Answer, Peer, Request

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "anna", "likes", "oslo", "."]


def folder(path: Path, labels: Sequence[str], bias: Sequence[float], task: str) -> Path:
    """A model that says the same of everything: its weights are zero, its bias is given."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = {word: place for place, word in enumerate(WORDS)}
    split = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    split.normalizer = normalizers.Lowercase()
    split.pre_tokenizer = pre_tokenizers.Whitespace()
    split.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=split, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=64,
    ).save_pretrained(path)  # fmt: skip
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=64,
        id2label=dict(enumerate(labels)), label2id={one: n for n, one in enumerate(labels)},
    )  # fmt: skip
    made: Any = getattr(transformers, f"BertFor{task}Classification")(config)
    with torch.no_grad():
        made.classifier.weight.zero_()
        made.classifier.bias.copy_(torch.tensor(bias).log())
    made.save_pretrained(path, safe_serialization=True)
    return path


def test_a_folder_of_hugging_face_judges(tmp_path: Path) -> None:
    place = folder(tmp_path, ["POS", "neutral", "Negative"], [0.7, 0.2, 0.1], "Sequence")
    settings = Settings(home=tmp_path, text_sentiment=f"huggingface:{place}")
    chosen = sentiment_backend(settings)
    assert chosen is not None
    judge, version = chosen
    assert version.startswith(f"huggingface {tmp_path.name} ")
    found = judge.judge(["anna likes oslo", "oslo " * 500, "."], ["en"] * 3)
    assert [one.label for one in found] == ["positive"] * 3
    assert (found[0].positive, found[0].neutral, found[0].negative) == (0.7, 0.2, 0.1)
    assert judge.judge([], []) == []
    (reading,) = read(["anna likes oslo"], Models(sentiment=judge))
    assert reading.sentiment == found[0]


def test_a_folder_of_hugging_face_finds_names_also_far_behind(tmp_path: Path) -> None:
    place = folder(tmp_path, ["O", "B-PER", "B-MISC"], [0.1, 0.8, 0.1], "Token")
    chosen = entity_backend(Settings(home=tmp_path, text_entities=f"huggingface:{place}"))
    assert chosen is not None
    text = "Anna likes Oslo. " * 60
    short, empty, long = chosen[0].find(["Anna likes Oslo", "  ", text], ["en"] * 3)
    assert [(one.kind, one.text) for one in short] == [
        ("person", "Anna"), ("person", "likes"), ("person", "Oslo"),
    ]  # fmt: skip
    assert empty == []
    assert all(text[one.start : one.end] == one.text for one in long)
    assert max(one.end for one in long) > 900


def test_folders_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="gone"):
        HuggingFaceSentiment(tmp_path / "gone")
    two = folder(tmp_path / "two", ["bad", "good"], [0.5, 0.5], "Sequence")
    with pytest.raises(BackendError, match="bad, good"):
        HuggingFaceSentiment(two)
    other = folder(tmp_path / "other", ["O", "B-DRUG"], [0.5, 0.5], "Token")
    with pytest.raises(BackendError, match="drug"):
        HuggingFaceEntities(other)
    # Weights that could run code are not read.
    (two / "model.safetensors").rename(two / "pytorch_model.bin")
    with pytest.raises(BackendError, match="two"):
        HuggingFaceSentiment(two)


@pytest.mark.parametrize("spec", ["triton:http://x/y", "huggingface:", "kserve"])
def test_a_name_of_no_model_is_refused(tmp_path: Path, spec: str) -> None:
    with pytest.raises(BackendError, match="huggingface:FOLDER"):
        sentiment_backend(Settings(home=tmp_path, text_sentiment=spec))
    with pytest.raises(BackendError, match="huggingface:FOLDER"):
        entity_backend(Settings(home=tmp_path, text_entities=spec))


class Triton:
    """A server of the protocol with a model ``mood``; how it answers may be changed."""

    def __init__(self, answer: Callable[[list[str]], Any], shape: tuple[int, ...] = (-1,)) -> None:
        self.answer, self.shape, self.datatype = answer, shape, "BYTES"
        self.statuses: list[int] = []
        self.sizes: list[list[int]] = []
        self.keys: set[str] = set()
        self.peer = Peer(self._answer)

    def _answer(self, request: Request) -> Answer:
        self.keys.add(request.headers.get("authorization", ""))
        if request.method == "GET":
            about = {"name": "text", "datatype": self.datatype, "shape": list(self.shape)}
            return Answer(body={"name": "mood", "versions": ["3"], "inputs": [about]})
        if self.statuses:
            return Answer(self.statuses.pop(0), {"error": "busy"})
        (tensor,) = request.json()["inputs"]
        self.sizes.append(tensor["shape"])
        found = self.answer(tensor["data"])
        if isinstance(found, bytes):
            return Answer(body=found)
        return Answer(
            body={"outputs": [{"name": name, "data": data} for name, data in found.items()]}
        )


def moods(texts: list[str]) -> dict[str, Any]:
    good = [0.8 if "good" in text else 0.1 for text in texts]
    return {
        "negative": [0.1] * len(texts),
        "neutral": [0.9 - one for one in good],
        "positive": good,
    }


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(kserve, "_RETRY", Retry(attempts=3, seconds=5, pause=0.01, longest=0.02))
    monkeypatch.setenv("WEIR_TEXT_KEY", "secret")
    return Settings(home=tmp_path, request_timeout_seconds=1)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_server_judges_in_requests_that_may_fail_and_come_back(
    settings: Settings, shape: tuple[int, ...]
) -> None:
    server = Triton(moods, shape)
    texts = ["good" if n % 3 else "bad" for n in range(2 * ROWS + 5)]
    with server.peer.serving():
        judge = KServeSentiment.at(settings, f"{server.peer.url}/mood")
        assert judge.version == "kserve mood 3"
        server.statuses = [503, 429]
        found = judge.judge(texts, ["en"] * len(texts))
    assert [one.label for one in found] == ["positive" if n % 3 else "neutral"
                                            for n in range(len(texts))]  # fmt: skip
    assert found[1].positive == 0.8
    assert sorted(size[0] for size in server.sizes) == [5, ROWS, ROWS]
    assert {len(size) for size in server.sizes} == {len(shape)}
    assert server.keys == {"Bearer secret"}


def test_one_tensor_of_three_columns_will_do(settings: Settings) -> None:
    server = Triton(lambda texts: {"probabilities": [[0.2, 0.3, 0.5]] * len(texts)})
    with server.peer.serving():
        judge = KServeSentiment.at(settings, f"{server.peer.url}/mood")
        (found,) = judge.judge(["x"], ["en"])
    assert tuple(getattr(found, label) for label in LABELS) == (0.2, 0.3, 0.5)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html>", "no JSON"),
        (b"[1]", "no object"),
        (b'{"outputs": 5}', "no outputs"),
        ({"scores": [1]}, "its outputs are not negative"),
        ({"probabilities": [0.2, 0.3, 0.5, 0.2, 0.3, 0.5]}, "2 rows for 1 texts"),
        ({"probabilities": [0.9, 0.9, 0.9]}, "no probabilities"),
        ({"negative": [1], "neutral": [0], "positive": []}, "differ in length"),
        ({"negative": ["a"], "neutral": [0], "positive": [0]}, "could not convert"),
    ],
)
def test_an_answer_of_another_shape_names_the_model(
    settings: Settings, answer: Any, words: str
) -> None:
    server = Triton(lambda _texts: answer)
    with server.peer.serving():
        judge = KServeSentiment.at(settings, f"{server.peer.url}/mood")
        with pytest.raises(BackendError, match=f"model mood at {server.peer.url}: .*{words}"):
            judge.judge(["x"], ["en"])


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        ([{"kind": "person", "start": 0, "end": 4, "confidence": 0.9}], ["person"]),
        ([], []),
        ([{"kind": "person", "start": 0, "end": 99, "confidence": 0.9}], None),
        ([{"kind": "spell", "start": 0, "end": 4, "confidence": 0.9}], None),
        ([{"kind": "person", "start": 0}], None),
        ({"kind": "person"}, None),
    ],
)
def test_names_of_a_server_are_checked_against_their_text(
    settings: Settings, row: Any, kinds: list[str] | None
) -> None:
    server = Triton(lambda texts: {"entities": [json.dumps(row)] * len(texts)})
    with server.peer.serving():
        names = KServeEntities.at(settings, f"{server.peer.url}/mood")
        if kinds is None:
            with pytest.raises(BackendError, match="cannot be read"):
                names.find(["Anna sings"], ["en"])
            return
        (found,) = names.find(["Anna sings"], ["en"])
    assert [one.kind for one in found] == kinds
    assert all(one.text == "Anna" for one in found)


def test_a_server_that_is_away_or_takes_no_texts_is_named(settings: Settings) -> None:
    server = Triton(moods)
    server.datatype = "FP32"
    with server.peer.serving(), pytest.raises(BackendError, match="takes no texts"):
        KServeSentiment.at(settings, f"{server.peer.url}/mood")
    with pytest.raises(BackendError, match="no answer"):
        KServeSentiment.at(settings, f"{server.peer.url}/mood")
    with pytest.raises(BackendError, match="no answer"):
        KServeSentiment.at(settings, "nonsense/mood")


def test_no_text_is_to_blame_for_a_server_that_is_away(settings: Settings) -> None:
    server = Triton(moods)
    with server.peer.serving():
        judge = KServeSentiment.at(settings, f"{server.peer.url}/mood")
        functions = ReaderFunctions(Models(sentiment=judge), "remote")
        texts = [Text("good thing"), Text("bad thing")]
        assert len(understand_each(functions, texts)) == 2
        server.statuses = [503] * 3
        with pytest.raises(ProcessorError, match="answers 503"):
            understand_each(functions, texts)
        assert len(server.sizes) == 1  # it was not asked text by text
