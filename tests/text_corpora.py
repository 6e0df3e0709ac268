"""Small labelled corpora, generated: texts whose mood and names follow from their words."""

from __future__ import annotations

import csv
import random
from functools import cache
from pathlib import Path

from ml.text import entity_training, sentiment_training
from ml.text.corpora import sentences
from ml.text.entities import Tagger
from ml.text.sentiment import Judge

MOODS = {
    "en": {"positive": "love great happy", "neutral": "report table monday",
           "negative": "hate awful sad"},
    "de": {"positive": "liebe toll froh", "neutral": "bericht tisch montag",
           "negative": "hasse furchtbar traurig"},
}  # fmt: skip
FILLER = {
    "en": "the train to town was on time and we",
    "de": "der zug in die stadt war hier und wir",
}
NAMES = {
    "PER": ["Anna Berg", "Tom Hill", "Eva Lund", "Max Stone"],
    "ORG": ["Acme AG", "Norte Ltd", "Blau GmbH"],
    "LOC": ["Oslo", "Wien", "Porto", "New York"],
}
PATTERNS = {
    "en": ["{PER} works for {ORG} in {LOC} .", "Yesterday {PER} met {PER} .", "We like {LOC} ."],
    "de": ["{PER} arbeitet bei {ORG} in {LOC} .", "Gestern traf {PER} die {ORG} .", "Kein Name ."],
    "zh": ["{PER} 在 {LOC} 。", "他 去 {LOC} 。"],
}
CHINESE = {"PER": ["李明", "王芳"], "LOC": ["北京", "上海"], "ORG": ["华为"]}


def write_opinions(folder: Path, count: int = 40) -> Path:
    """``<language>/train.csv`` and ``valid.csv``, ``count`` texts of each label and language."""
    for language, moods in MOODS.items():
        (folder / language).mkdir(parents=True)
        for split in ("train", "valid"):
            draw = random.Random(f"{language} {split}")
            rows = [
                (
                    " ".join(
                        [*draw.sample(FILLER[language].split(), 4), draw.choice(words.split())]
                    ),
                    label,
                )
                for label, words in moods.items()
                for _ in range(count if split == "train" else count // 3)
            ]
            with (folder / language / f"{split}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *rows])
    return folder


def write_sentences(folder: Path, count: int = 60) -> Path:
    """``<language>_made.iob2`` with ``count`` sentences each."""
    folder.mkdir(parents=True, exist_ok=True)
    for language, patterns in PATTERNS.items():
        draw, lines = random.Random(language), list[str]()
        for number in range(count):
            words, tags = list[str](), list[str]()
            for word in draw.choice(patterns).split():
                kind = word.strip("{}")
                names = CHINESE if language == "zh" else NAMES
                parts = draw.choice(names[kind]).split() if kind in names else [word]
                words += parts
                tags += [
                    "O" if kind not in names else f"{'I' if at else 'B'}-{kind}"
                    for at in range(len(parts))
                ]
            text = ("" if language == "zh" else " ").join(words)
            lines += [f"# sent_id = {number}", f"# text = {text}"]
            lines += [
                f"{at}\t{w}\t{t}\t-\t-"
                for at, (w, t) in enumerate(zip(words, tags, strict=True), 1)
            ]
            lines.append("")
        (folder / f"{language}_made.iob2").write_text("\n".join(lines))
    return folder


@cache
def judge() -> Judge:
    """Trained once a process."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return Judge.of(sentiment_training.train(write_opinions(Path(folder))).parts)


@cache
def tagger() -> Tagger:
    """Trained once a process."""
    import tempfile

    from ml.text.gazetteer import Gazetteer

    with tempfile.TemporaryDirectory() as folder:
        rows = sentences(write_sentences(Path(folder)))
    return entity_training.fit(rows, Gazetteer.of({"place": ["Oslo", "New York"]}))
