"""How well the knowledge base finds: nDCG@10 on CACM, by words, by meaning and by both.

The collection is 3,204 titles and abstracts of the Communications of the ACM with 64 questions, 52
of which have relevance judgements; all of those count. Each record becomes a Markdown file
(title, abstract, authors, keywords; without the numbers of its citations), so the whole path is
measured: parse, cut, embed, keep, search. A document's rank is that of its best passage.

Nothing is tuned: both rankers weigh the same, and every constant is its paper's or library's.
Scale below 1 takes fewer questions, and says nothing about the goal.
"""

from __future__ import annotations

import html
import math
import re
import tarfile
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, Options
from platform_assets.core.settings import REPOSITORY, Settings
from reports.knowledge.base import Fusion, KnowledgeBase, Mode

CACM = REPOSITORY.parent / "shared" / "data" / "cacm"
DEPTH = 10
PASSAGES = 50
"""Passages asked for, so that ten documents are among them."""
RESAMPLES = 10_000
KINDS: dict[str, tuple[Mode, Fusion]] = {
    "bm25": ("bm25", "min_max"),
    "dense": ("dense", "min_max"),
    "hybrid_rrf": ("hybrid", "reciprocal_ranks"),
    "hybrid": ("hybrid", "min_max"),
}
"""What is measured; ``hybrid`` is what :meth:`KnowledgeBase.search` does."""


def run(options: Options) -> list[Figure]:
    """``retrieval``, a figure a kind."""
    if not CACM.is_dir():
        raise FileNotFoundError(f"{CACM}: this bench needs the CACM collection there")
    questions = _questions()
    judged = _judgements()
    names = sorted(judged)[: options.sized(len(judged))]
    with tempfile.TemporaryDirectory(prefix="weir-retrieval-") as folder:
        base = _indexed(Path(folder), options)
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in names:
            for kind, (mode, fuse) in KINDS.items():
                hits = base.scored(questions[number], PASSAGES, mode, fuse)
                ranked = list(dict.fromkeys(Path(hit.passage.document).stem for hit in hits))
                found[kind].append(ndcg(ranked, judged[number], DEPTH))
    means = {kind: float(np.mean(values)) for kind, values in found.items()}
    best = max(("bm25", "dense"), key=lambda kind: means[kind])
    return [_figure(kind, found, means, best, options) for kind in KINDS]


def _figure(
    kind: str,
    found: dict[str, list[float]],
    means: dict[str, float],
    best: str,
    options: Options,
) -> Figure:
    extra: dict[str, object] = {
        "kind": kind,
        "runs": 1,
        "queries": len(found[kind]),
        "significance": "paired bootstrap over queries, 95 % interval",
    }
    for other in ("bm25", "dense"):
        if other != kind:
            low, high = interval(found[kind], found[other])
            extra[f"minus_{other}"] = round(means[kind] - means[other], 4)
            extra[f"minus_{other}_interval"] = [round(low, 4), round(high, 4)]
            options.say(
                f"{kind}: nDCG@10 {means[kind]:.4f}, minus {other} "
                f"{means[kind] - means[other]:+.4f} [{low:+.4f}, {high:+.4f}]"
            )
    asked = kind == "hybrid"
    return Figure(
        "retrieval",
        means[kind],
        f"nDCG@10 ({kind})",
        means[best],
        means[kind] / means[best],
        "hybrid above bm25 and dense" if asked else "",
        means[kind] > means[best] if asked and options.scale >= 1 else None,
        extra,
    )


def ndcg(ranked: Sequence[str], relevant: Collection[str], depth: int) -> float:
    """Normalised discounted cumulated gain of a ranking, judgements being yes or no.

    ``DCG = sum over ranks i of rel_i / log2(i + 1)``, divided by that of a perfect ranking.
    Source: Jarvelin and Kekalainen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 20
    (4), 2002, with the discount of trec_eval's ``ndcg_cut``.

    Args:
        ranked: ids, best first, each once.
        relevant: ids judged relevant, at least one.
        depth: ranks that count.
    """
    gain = sum(
        1 / math.log2(rank + 1)
        for rank, name in enumerate(ranked[:depth], start=1)
        if name in relevant
    )
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), depth) + 1))
    return gain / ideal


def interval(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """95 % percentile interval of the mean difference, queries drawn with replacement.

    Source: Sakai, Evaluating evaluation metrics based on the bootstrap, SIGIR 2006. The seed is
    fixed, so the same values give the same interval.
    """
    differences = np.asarray(values) - np.asarray(others)
    random = np.random.default_rng(2006)
    drawn = random.integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.percentile(differences[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _indexed(folder: Path, options: Options) -> KnowledgeBase:
    documents = folder / "cacm"
    documents.mkdir()
    for name, text in cacm_records():
        (documents / f"{name}.md").write_text(text)
    settings = Settings(vector_store="lancedb", vector_store_url=str(folder / "store"))
    base = KnowledgeBase(settings, "cacm")
    started = time.perf_counter()
    report = base.sync(documents)
    assert not report.refused, report.refused[:3]
    options.say(
        f"{report.added} documents, {report.embedded} passages indexed in "
        f"{time.perf_counter() - started:.0f} s"
    )
    return base


def cacm_records() -> list[tuple[str, str]]:
    """Name and Markdown of each record."""
    found = []
    with tarfile.open(CACM / "cacm.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                text = html.unescape(content.read().decode("latin-1"))
                found.append((Path(member.name).stem, _markdown(text)))
    return found


def _markdown(text: str) -> str:
    text = re.sub(r"</?(html|pre)>", "", text)
    # What follows the entry's stamp (`CA581203 JB March 22, 1978  8:28 PM`) is its citations.
    text = re.split(r"^CA\d{6}\w* .*$", text, maxsplit=1, flags=re.MULTILINE)[0]
    title, *rest = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    plain = [re.sub(r"([\\`*_{}\[\]<>#+!|~&=-])", r"\\\1", " ".join(p.split())) for p in rest]
    return "\n\n".join([f"# {' '.join(title.split())}", *plain]) + "\n"


def _questions() -> dict[str, str]:
    topics = (CACM / "topics" / "topics.cacm.txt").read_text("latin-1")
    pattern = r"<DOC>\s*<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>"
    return {
        number: " ".join(html.unescape(text).split())
        for number, text in re.findall(pattern, topics, re.DOTALL)
    }


def _judgements() -> dict[str, set[str]]:
    judged: dict[str, set[str]] = {}
    for line in (CACM / "qrels" / "qrels.cacm.txt").read_text().splitlines():
        number, _, name, relevance = line.split()
        if int(relevance) > 0:
            # The judgements leave out the zeros that the files' names have.
            record = f"CACM-{int(name.removeprefix('CACM-')):04}"
            judged.setdefault(number, set()).add(record)
    return judged
