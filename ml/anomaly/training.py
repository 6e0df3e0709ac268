"""From a stream's history to a version in the registry."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml.anomaly.definition import Stream
from ml.anomaly.model import AUTOENCODER, CANDIDATES, Moments, champion, maker, write
from ml.anomaly.points import Snapshot
from ml.anomaly.selection import LEAST_ROWS, History, Judgement, judge, usable
from ml.anomaly.series import MakeDetector
from ml.anomaly.state import Floats
from ml.anomaly.store import moment
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from ml.store.registry import DatasetRef, Version

JUDGED_SERIES = 8
"""Series that candidates are judged on, spread over the names; all train the autoencoder."""

_CHAMPION = "champion"
"""The champion's own entry, where it is a network trained earlier."""


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        skipped: why there is no judgement; empty if there is one.
        judgement: how the candidates did.
        winner: the best candidate.
        before: the champion's detector before; the default's name where none is registered.
        version: number of the new version; None if the champion's kind is still the best.
        alias: what the new version became, ``champion`` or ``challenger``; empty without one.
    """

    skipped: str = ""
    judgement: Judgement | None = None
    winner: str = ""
    before: str = ""
    version: int | None = None
    alias: str = ""


def train_stream(
    settings: Settings,
    stream: Stream,
    *,
    tags: Mapping[str, str] | None = None,
    now: float | None = None,
    candidates: Sequence[str] = CANDIDATES,
) -> Outcome:
    """Judge every detector on a stream's history, and register the best.

    It becomes champion where it beats the present one by more than chance, else challenger. A
    candidate without weights that is champion already is not registered again.

    Args:
        settings: where lake and registry are.
        stream: its definition.
        tags: of the version, e.g. ``weir/dagster_run``.
        now: seconds since 1970; the clock's by default.
        candidates: names; all by default.

    Raises:
        AnomalyError: the table is not there or cannot be read.
        WeirError: the registry does not answer.
    """
    snapshot = Snapshot(settings, stream)
    extent = snapshot.extent(time.time() if now is None else now)
    if extent is None:
        return Outcome(skipped=f"{stream.topic.silver.sql} has no rows")
    interval = stream.interval
    end = extent.newest // interval * interval
    start = max(extent.first // interval * interval, end - stream.history_days * 86_400.0)
    points = snapshot.points(start, end, labels=bool(stream.label))
    histories = read_histories(stream, points)
    long = usable(histories)
    if not long:
        most = max((len(one.times) for one in histories), default=0)
        return Outcome(
            skipped=f"few points: the longest series has {most} intervals, {LEAST_ROWS} are needed"
        )
    makers, weights, moments = fitted(long, candidates)
    present = champion(settings, stream)
    rival = _CHAMPION if present.detector == AUTOENCODER else present.detector
    judgement = judge(spread(long), {**makers, rival: makers.get(rival, present.make)})
    winner = max(makers, key=judgement.mean)
    if winner == present.detector and winner != AUTOENCODER and present.version:
        return Outcome("", judgement, winner, present.detector)
    better = winner == rival or judgement.beats(winner, rival)
    version = _register(
        settings, stream, judgement, winner, rival, better,
        weights if winner == AUTOENCODER else None, moments if winner == AUTOENCODER else None,
        _reference(stream, snapshot, points, end), tags or {},
    )  # fmt: skip
    # The default detector is judged as if it were champion, so a first version of another kind
    # must beat it too; the default itself becomes champion by being the best.
    alias = "champion" if better else "challenger"
    return Outcome("", judgement, winner, present.detector, version.number, alias)


def read_histories(stream: Stream, points: pl.DataFrame) -> list[History]:
    """Points as histories, by name; ``points`` as :meth:`.points.Snapshot.points` gives them."""
    histories = []
    for (name,), rows in points.group_by("series", maintain_order=True):
        labels = rows["label"].to_numpy() if "label" in rows.columns else np.zeros(len(rows), bool)
        signals = {s.name: rows[s.name].to_numpy().astype(np.float64) for s in stream.signals}
        histories.append(History(str(name), rows["at"].to_numpy(), signals, labels))
    return sorted(histories, key=lambda one: one.series)


def spread(histories: Sequence[History]) -> Sequence[History]:
    """Every n-th history, so that at most :data:`JUDGED_SERIES` are left."""
    return histories[:: -(-len(histories) // JUDGED_SERIES)]


def fitted(
    histories: Sequence[History], names: Sequence[str]
) -> tuple[dict[str, MakeDetector], dict[str, Floats] | None, Moments]:
    """Makers by name; the autoencoder is trained on the first part of every series.

    Args:
        histories: at least one of :func:`.selection.usable`.
        names: of :data:`.model.CANDIDATES`.

    Returns:
        Makers of fresh detectors, and of the autoencoder, where it is among them, the weights and
        the moments of each series.
    """
    makers = {name: maker(name) for name in names if name != AUTOENCODER}
    if AUTOENCODER not in names:
        return makers, None, {}
    from ml.anomaly.autoencoder import moments, train, windows

    taught = {
        one.series: {
            name: known for name, v in one.signals.items() if (known := _known(one, v)).size
        }
        for one in histories
    }
    examples = windows([values for of in taught.values() for values in of.values()])
    weights = train(examples).weights
    found = {
        series: {name: moments(values) for name, values in of.items()}
        for series, of in taught.items()
    }
    return {**makers, AUTOENCODER: maker(AUTOENCODER, weights, found)}, weights, found


def _known(history: History, values: Floats) -> Floats:
    taught = values[: history.cut]
    return taught[np.isfinite(taught)]


def _reference(stream: Stream, snapshot: Snapshot, points: pl.DataFrame, end: float) -> DatasetRef:
    from ml.store.registry import DatasetRef

    digest = hashlib.sha256()
    for value in points.hash_rows(seed=0).to_list():
        digest.update(value.to_bytes(8, "little"))
    return DatasetRef(
        stream.topic.silver.sql, snapshot.version, len(points), digest.hexdigest(),
        moment(end).isoformat(),
    )  # fmt: skip


def _register(
    settings: Settings,
    stream: Stream,
    judgement: Judgement,
    winner: str,
    rival: str,
    better: bool,
    weights: Mapping[str, Floats] | None,
    moments: Moments | None,
    dataset: DatasetRef,
    tags: Mapping[str, str],
) -> Version:
    from ml.rollout.change import promote
    from ml.store.artefact import artefact_key
    from ml.store.registry import Registry, code_version

    metrics = {
        f"{judgement.evidence}_vus_pr_{name}": judgement.mean(name) for name in judgement.scores
    }
    metrics["vus_pr"] = judgement.mean(winner)
    metrics["vus_pr_without_sense"] = judgement.chance
    metadata: dict[str, Any] = {
        "stream": stream.name,
        "metric": "vus_pr",
        "evidence": judgement.evidence,
        "validation": metrics,
    }
    registry = Registry(settings)
    with tempfile.TemporaryDirectory(prefix="weir-anomaly-") as name:
        write(Path(name), winner, metadata, artefact_key(settings), weights, moments)
        version = registry.register(
            stream.model,
            Path(name),
            params={
                "detector": winner,
                "signals": ", ".join(signal.name for signal in stream.signals),
                "interval_minutes": stream.interval_minutes,
                "rate": stream.rate,
                "warm_up": stream.warm_up,
            },
            metrics=metrics,
            dataset=dataset,
            code_version=code_version(),
            card=card(stream, judgement, winner, rival, better),
            tags=tags,
        )
    if better:
        # Also the row that says who serves: `weir models` shows it and rolls it back.
        reason = tags.get("weir/reason", "trained")
        promote(settings, stream.model, version=version.number, reason=reason, actor="training")
    else:
        registry.set_alias(stream.model, "challenger", version.number)
    return version


def card(stream: Stream, judgement: Judgement, winner: str, rival: str, better: bool) -> str:
    """The model card, Markdown."""
    if judgement.evidence == "labels":
        basis = f"{judgement.anomalies} known anomalies (column `{stream.label}`)"
    else:
        basis = (
            f"{judgement.anomalies} **synthetic** anomalies (spikes, level shifts, flat stretches, "
            "drifts) added to real held-out values. They show which detector sees such changes "
            "here, not how many real incidents will be found"
        )
    against = f"`{rival}`" if rival != _CHAMPION else "the network that was champion"
    low, high = judgement.interval(winner)
    rows = [
        f"| {name} | {judgement.mean(name):.3f} |"
        for name in sorted(judgement.scores, key=judgement.mean, reverse=True)
    ]
    return "\n".join(
        [
            f"# Anomalies of {stream.title}: `{winner}`",
            "",
            (
                f"Judged in time order on the last 40 % of {judgement.series} series of "
                f"`{stream.topic.silver.sql}`, by {basis}."
            ),
            "",
            f"VUS-PR {judgement.mean(winner):.3f} (90 % interval {low:.3f} to {high:.3f}; scores "
            f"without any sense get {judgement.chance:.3f}). It "
            + (
                "is the one in use." if winner == rival
                else f"beats {against} by more than chance." if better
                else f"does not beat {against} by more than chance, and is challenger only."
            ),
            "",
            "| candidate | VUS-PR |",
            "|---|---|",
            *rows,
            "",
            (
                f"The best of {len(rows)} candidates was picked on these figures, so its own is "
                "somewhat too high. The threshold comes from peaks over threshold in use "
                f"(wanted rate {stream.rate:g} of ordinary points), not from this part."
            ),
            f"Warm-up: 100 points for the score, then {stream.warm_up} scores for the threshold.",
        ]
    )  # fmt: skip
