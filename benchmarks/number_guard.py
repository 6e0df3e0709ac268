"""What the number guard misses and what it wrongly refuses, on three kinds of sentences.

TAT-QA's questions (financial reports) are answered from the cells of a table, with a derivation.
Each gold answer that its cells reproduce becomes statements, by templates, that must pass; then
the same with one thing wrong must be refused. All cells of the table are cited, which is harder
than citing the answer's. An alteration that happens to be true as well is not counted. A third
of the tables and two thirds of the templates are ``held_out``: their errors are counted apart.

A grammar of the tests writes true sentences about made-up facts in words that the guard was not
built with, and mutates them (``grammar``). What the report's own template writes about random
facts must all pass (``template``).
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.figures import Figure, Options
from benchmarks.number_guard_statements import ALTERATIONS, Statement, altered, statements
from benchmarks.number_guard_tables import read_tables
from platform_assets.core.settings import REPOSITORY, Settings
from reports.guard import Context, Paragraph, check
from reports.narrative.brief import Brief
from reports.narrative.write import write
from tests.unit.guard.grammar import mutations, true_sentence, world
from tests.unit.test_narrative_laws import briefs

DATA = REPOSITORY.parent / "shared" / "data" / "tatqa" / "tatqa_dataset_dev.json"
GOAL = "0 missed, below 2 % of true ones refused"


@dataclass
class _Count:
    seen: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


def run(options: Options) -> list[Figure]:
    """``number_guard``: a figure for each kind of alteration, and one for all."""
    tables = read_tables(json.loads(DATA.read_text(encoding="utf-8")))
    tables = tables[: options.sized(len(tables))]
    counts: dict[bool, _Count] = defaultdict(_Count)
    began = time.perf_counter()
    checked = 0
    for number, table in enumerate(tables):
        context = Context(tuple(table.values))
        cites = tuple(value.id for value in table.values)
        for statement in statements(table):
            held_out = number % 3 == 2 or statement.held_out
            count = counts[held_out]
            for kind, text in _versions(statement):
                verdict = check(Paragraph(text, cites, statement.derivations), context)
                checked += 1
                count.seen[kind] += 1
                if verdict.ok == (kind != "true"):
                    count.wrong[kind] += 1
                    _show(options, kind, text, verdict.refusals)
    seconds = time.perf_counter() - began
    tables_figures = [*_figures(counts), _speed(counts, checked, seconds)]
    return [*tables_figures, _grammar(options), _template(options)]


def _grammar(options: Options) -> Figure:
    count = _Count()
    for seed in range(options.sized(5_000)):
        random = Random(seed)
        facts = world(random)
        said = true_sentence(random, facts)
        for kind, text in {"true": said.text, **mutations(random, said)}.items():
            count.seen[kind] += 1
            if facts.accepts(text) == (kind != "true"):
                count.wrong[kind] += 1
                _show(options, kind, text, said.text)
    altered_n = sum(count.seen.values()) - count.seen["true"]
    missed = sum(count.wrong.values()) - count.wrong["true"]
    return Figure(
        "number_guard", missed, "missed", goal=GOAL,
        met=missed == 0 and count.wrong["true"] < 0.02 * count.seen["true"],
        extra={
            "kind": "grammar", "missed": missed, "altered_n": altered_n,
            "falsely_refused": count.wrong["true"], "n": count.seen["true"],
            "missed_by_kind": {kind: n for kind, n in count.wrong.items() if kind != "true"},
        },
    )  # fmt: skip


def _template(options: Options) -> Figure:
    """Paragraphs of the template that the guard refuses, over random facts in four languages."""
    told: list[tuple[int, int]] = []

    @settings(
        max_examples=options.sized(500), database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(briefs())
    def tell(brief: Brief) -> None:
        written = write(brief, Settings())
        paragraphs = len(written.summary) + sum(map(len, written.sections.values()))
        places = {refusal.place for refusal in written.refusals}
        told.append((paragraphs + len(places), len(places)))

    tell()
    paragraphs, refused = (sum(column) for column in zip(*told, strict=True))
    return Figure(
        "number_guard", refused, "refused", goal="0 refused", met=refused == 0,
        extra={"kind": "template", "falsely_refused": refused, "n": paragraphs},
    )  # fmt: skip


def _versions(statement: Statement) -> Iterator[tuple[str, str]]:
    yield "true", statement.text
    for kind in ALTERATIONS:
        text = altered(statement, kind)
        if text is not None and text != statement.text:
            yield kind, text


def _show(options: Options, kind: str, text: str, refusals: object) -> None:
    options.say(f"{kind}: {text} {refusals if kind == 'true' else ''}")


def _figures(counts: dict[bool, _Count]) -> Iterator[Figure]:
    developed, held = counts[False], counts[True]
    for kind in ALTERATIONS:
        missed = developed.wrong[kind] + held.wrong[kind]
        yield Figure(
            "number_guard", missed, "missed", goal="0 missed", met=missed == 0,
            extra={
                "kind": kind, "missed": missed, "n": developed.seen[kind] + held.seen[kind],
                "held_out_missed": held.wrong[kind], "held_out_n": held.seen[kind],
            },
        )  # fmt: skip


def _speed(counts: dict[bool, _Count], checked: int, seconds: float) -> Figure:
    developed, held = counts[False], counts[True]
    refused, n = (
        developed.wrong["true"] + held.wrong["true"],
        developed.seen["true"] + held.seen["true"],
    )
    missed = sum(c.wrong[kind] for c in counts.values() for kind in ALTERATIONS)
    return Figure(
        "number_guard", missed, "missed", goal=GOAL,
        met=missed == 0 and refused < 0.02 * n,
        extra={
            "kind": "all", "missed": missed, "falsely_refused": refused, "n": n,
            "falsely_refused_percent": round(100 * refused / max(n, 1), 2),
            "held_out_falsely_refused": held.wrong["true"], "held_out_n": held.seen["true"],
            "altered_n": checked - n,
            "ms_per_statement": round(1000 * seconds / max(checked, 1), 2),
        },
    )  # fmt: skip
