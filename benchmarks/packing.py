"""``packing``: texts into requests of a language model, the optimum beside first fit.

A hundred days of made-up feedback: what is routed of twelve categories, with the lengths that texts
of customers have (log-normal). No model is asked: what counts is how often the instructions are
sent, and how much of each request is left empty.
"""

from __future__ import annotations

import random
import time
from math import exp

from benchmarks.figures import Figure, Options
from platform_assets.core.settings import Settings
from reports.enrichment.enrich import capacity, overhead, parts_of, size_of
from reports.enrichment.model import Source
from reports.enrichment.pack import first_fit, pack

DAYS, CATEGORIES, TEXTS = 100, 12, 160
_MEDIAN, _SPREAD = 220, 0.8
"""Characters of a text: median, and sigma of their logarithm."""


def run(options: Options) -> list[Figure]:
    """Tokens that first fit sends for one that the optimum sends."""
    settings = Settings()
    room, before = capacity(settings), overhead()
    requests = {"first fit": 0, "optimum": 0}
    content, proven, seconds = 0, 0, 0.0
    days = max(1, round(DAYS * options.scale))
    for day in range(days):
        sizes = [min(size_of(part), room) for part in parts_of(settings, _texts(day), None)]
        random.Random(day).shuffle(sizes)
        began = time.perf_counter()
        best = pack(sizes, room)
        seconds += time.perf_counter() - began
        requests["first fit"] += len(first_fit(sizes, room))
        requests["optimum"] += len(best.bins)
        proven += best.proven
        content += sum(sizes)
    sent = {name: content + count * before for name, count in requests.items()}
    empty = {name: count * room - content for name, count in requests.items()}
    ratio = sent["first fit"] / sent["optimum"]
    for name, count in requests.items():
        options.say(
            f"{name}: {count} requests, {count * before:,} tokens of instructions, "
            f"{empty[name]:,} tokens of room left empty, {sent[name]:,} sent: "
            f"{sent[name] / 1e6:.3f} EUR where a million cost 1 EUR"
        )
    return [
        Figure(
            "packing",
            100 * (ratio - 1),
            "% more tokens by first fit",
            goal="never less than the optimum",
            met=ratio >= 1,
            extra={
                "days": days,
                "requests": requests,
                "tokens_sent": sent,
                "tokens_empty": empty,
                "tokens_of_instructions": before,
                "proven_days": proven,
                "seconds_a_day": round(seconds / days, 4),
            },
        )
    ]


def _texts(day: int) -> list[Source]:
    draw = random.Random(day)
    weights = [1 / (place + 1) for place in range(CATEGORIES)]
    return [
        Source(
            f"{day:03}-{number:04}",
            f"category {draw.choices(range(CATEGORIES), weights)[0]}",
            "en",
            "word " * max(1, round(_MEDIAN * exp(_SPREAD * draw.gauss(0, 1)) / 5)),
            route="long",
        )
        for number in range(draw.randint(TEXTS // 2, TEXTS))
    ]
