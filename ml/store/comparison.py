"""Two versions of a model side by side, and a version as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.canary.sequential import Decision
    from ml.store.registry import Registry, Version


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions.

    Attributes:
        a: the first version.
        b: the second.
        metrics: name -> value of a, value of b, b minus a; None where one lacks it.
        params: those that differ: name -> value of a, value of b; None where one lacks it.
        dataset: fields of the data set that differ, the same way.
        evidence: of the running trial; None where none runs.
    """

    a: Version
    b: Version
    metrics: Mapping[str, tuple[float | None, float | None, float | None]]
    params: Mapping[str, tuple[str | None, str | None]]
    dataset: Mapping[str, tuple[Any, Any]]
    evidence: Decision | None

    def to_json(self) -> dict[str, Any]:
        """As JSON values; a bound that is not known (NaN, infinite) is null."""
        trial = None
        if self.evidence is not None:
            trial = {
                "verdict": str(self.evidence.verdict),
                "reason": self.evidence.reason,
                "evidence": [asdict(bounds) for bounds in self.evidence.evidence],
            }
        found: dict[str, Any] = _finite(
            {
                "a": as_json(self.a),
                "b": as_json(self.b),
                "metrics": {
                    name: dict(zip(("a", "b", "difference"), values, strict=True))
                    for name, values in self.metrics.items()
                },
                "params": {n: {"a": v[0], "b": v[1]} for n, v in self.params.items()},
                "dataset": {n: {"a": v[0], "b": v[1]} for n, v in self.dataset.items()},
                "trial": trial,
            }
        )
        return found


def compare_versions(a: Version, b: Version, evidence: Decision | None) -> Comparison:
    """Put two versions side by side."""
    metrics = {}
    for name in sorted({*a.metrics, *b.metrics}):
        first, second = a.metrics.get(name), b.metrics.get(name)
        difference = None if first is None or second is None else second - first
        metrics[name] = (first, second, difference)
    return Comparison(
        a,
        b,
        metrics,
        _differing(a.params, b.params),
        _differing(asdict(a.dataset) if a.dataset else {}, asdict(b.dataset) if b.dataset else {}),
        evidence,
    )


def as_json(version: Version) -> dict[str, Any]:
    """A version as JSON values, without its card."""
    found: dict[str, Any] = _finite(
        {
            "model": version.model,
            "version": version.number,
            "aliases": list(version.aliases),
            "created_at": version.created_at.isoformat(),
            "run_id": version.run_id,
            "metrics": dict(version.metrics),
            "params": dict(version.params),
            "tags": dict(version.tags),
            "dataset": asdict(version.dataset) if version.dataset else None,
            "code_version": version.code_version,
            "artefact": str(version.artefact),
        }
    )
    return found


def lineage(registry: Registry, version: Version) -> dict[str, str]:
    """Where a version came from, in words by name; what is not known is left out."""
    data = version.dataset
    words = {
        "aliases": ", ".join(version.aliases),
        "made": f"{version.created_at:%Y-%m-%d %H:%M} UTC",
        "why": version.tags.get("weir/reason", ""),
        "code": version.code_version,
        "table": f"{data.table}, version {data.version}" if data else "",
        "rows": f"{data.rows:,} until {data.until}" if data else "",
        "fingerprint": data.fingerprint if data else "",
        "Dagster": version.tags.get("weir/dagster_url", ""),
        "MLflow": registry.link(version) or f"run {version.run_id}",
        "artefact": str(version.artefact),
    }
    return {name: value for name, value in words.items() if value}


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted({*a, *b})
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
