"""How many texts a second become vectors: the exported graph beside sentence-transformers.

Texts are records of CACM, every n-th, the same for both. Each side runs in a process of its own,
so that neither has the other's libraries, threads or caches, and the two take turns: once with one
thread each, once with as many as there are cores. The graph is made before the clock starts, for
it is made once a machine.

Given beside it: what the first question of a fresh process costs, imports included, what a question
costs after, and the process's peak memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.figures import Figure, Options, middle
from benchmarks.retrieval import CACM, cacm_records
from platform_assets.core.settings import get_settings
from reports.knowledge.embed import exported, model_folder
from reports.knowledge.model import Vectors

MODEL = "all-MiniLM-L6-v2"
TEXTS = 200
QUERY = "What articles exist which deal with time sharing?"
QUERIES = 20
SIDES = ("sentence_transformers", "onnx")


def run(options: Options) -> list[Figure]:
    """``embed``: a figure with one thread, one with all."""
    if not CACM.is_dir():
        raise FileNotFoundError(f"{CACM}: this bench needs the CACM collection there")
    exported(MODEL, get_settings().cache)
    cores = os.cpu_count() or 1
    return [_figure(threads, options) for threads in dict.fromkeys((1, cores))]


def _figure(threads: int, options: Options) -> Figure:
    count = options.sized(TEXTS, least=20)
    told: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(options.repeats):
        for side in SIDES:
            told[side].append(_child(side, threads, count))
            last = told[side][-1]
            options.say(f"embed, {threads} threads, {side}: {last['texts_per_second']:.1f} texts/s")
    values = {
        side: {key: middle([one[key] for one in told[side]]) for key in told[side][0]}
        for side in SIDES
    }
    theirs, ours = (values[side] for side in SIDES)
    value, baseline = ours["texts_per_second"], theirs["texts_per_second"]
    shown = ("texts_per_cpu_second", "first_query_seconds", "query_ms")
    return Figure(
        "embed",
        value,
        f"texts/s ({threads} threads)" if threads > 1 else "texts/s (1 thread)",
        baseline,
        value / baseline,
        extra={
            "runs": options.repeats,
            "threads": threads,
            "texts": count,
            "cpu_ratio": round(ours["texts_per_cpu_second"] / theirs["texts_per_cpu_second"], 3),
            **{key: round(ours[key], 3) for key in shown},
            **{f"baseline_{key}": round(theirs[key], 3) for key in shown},
            "ratios": [
                round(b["texts_per_second"] / a["texts_per_second"], 3)
                for a, b in zip(*(told[side] for side in SIDES), strict=True)
            ],
            "peak_memory_mb": round(ours["peak_memory_mb"]),
            "baseline_peak_memory_mb": round(theirs["peak_memory_mb"]),
        },
    )


def _child(side: str, threads: int, count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.embed", side, str(threads), str(count)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{side} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measured(side: str, threads: int, count: int) -> dict[str, float]:
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"
    records = cacm_records()
    texts = [text for _, text in records[:: len(records) // count]][:count]
    started = time.perf_counter()
    embed = _onnx(threads) if side == "onnx" else _sentence_transformers(threads)
    embed([QUERY])
    first = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(QUERIES):
        embed([QUERY])
    query = (time.perf_counter() - started) / QUERIES
    cpu, started = time.process_time(), time.perf_counter()
    assert len(embed(texts)) == count
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return {
        "texts_per_second": count / seconds,
        "texts_per_cpu_second": count / cpu,
        "first_query_seconds": first,
        "query_ms": 1000 * query,
        "peak_memory_mb": peak / 1024,
    }


def _onnx(threads: int) -> Callable[[Sequence[str]], Vectors]:
    from reports.knowledge.embed_onnx import OnnxEmbedder

    return OnnxEmbedder(
        MODEL,
        lambda: model_folder(MODEL),
        lambda: exported(MODEL, get_settings().cache),
        threads,
    ).embed


def _sentence_transformers(threads: int) -> Callable[[Sequence[str]], Vectors]:
    """As its own documentation calls it, with its own batches."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(model_folder(MODEL)), device="cpu")
    return lambda texts: model.encode(
        list(texts), normalize_embeddings=True, show_progress_bar=False
    )


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
