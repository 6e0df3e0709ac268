"""Broken files in Dagster: each is an asset that says what is wrong with it."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import dagster as dg

from platform_assets.core.broken import BrokenFile, broken_file
from platform_assets.core.errors import WeirError

GROUP = "broken_files"
CHECK = "can_be_used"
SENSOR = "tell_broken"

T = TypeVar("T")

_LOG = logging.getLogger("weir")


def broken_key(file: BrokenFile) -> dg.AssetKey:
    """Asset key of a broken file."""
    return dg.AssetKey(["broken", file.kind.replace(" ", "_"), _plain(file.name)])


def build_each(
    kind: str, items: Iterable[tuple[Path, T]], build: Callable[[T], dg.Definitions]
) -> tuple[list[tuple[T, dg.Definitions]], list[BrokenFile]]:
    """The definitions of each file by itself; one that Dagster refuses costs only itself.

    Args:
        kind: what the files define, e.g. ``report``.
        items: file and what was read from it.
        build: makes its definitions.
    """
    built, broken = [], []
    for path, item in items:
        try:
            built.append((item, build(item)))
        except Exception as error:  # noqa: BLE001 (whatever Dagster refuses it with)
            broken.append(broken_file(kind, path, _root(error)))
    return built, broken


def build_broken_definitions(kind: str, files: Sequence[BrokenFile]) -> dg.Definitions:
    """An asset and a check for each file, and the sensor that tells; nothing without files.

    Args:
        kind: what the files were meant to define.
        files: those that cannot be used.

    Each error is logged, too, so that ``dg check defs`` and the code server's log show it.
    """
    files = _distinct(files)
    for file in files:
        _LOG.error("broken %s: %s", file.kind, file.error)
    if not files:
        return dg.Definitions()
    return dg.Definitions(
        assets=[_asset(file) for file in files],
        asset_checks=[_check(file) for file in files],
        sensors=[_sensor(kind, files)],
    )


def _asset(file: BrokenFile) -> dg.AssetsDefinition:
    key = broken_key(file)

    @dg.asset(
        key=key,
        group_name=GROUP,
        kinds={"yaml"},
        description=f"**This {file.kind} cannot be used.** {file.error}",
        metadata={"file": dg.MetadataValue.path(str(file.path)), "error": str(file.error)},
    )
    def broken() -> dg.MaterializeResult[None]:
        raise dg.Failure(str(file.error), allow_retries=False)

    return broken


def _check(file: BrokenFile) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=broken_key(file), name=CHECK, description=f"The {file.kind} can be used.")
    def can_be_used() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description=str(file.error))

    return can_be_used


def _sensor(kind: str, files: Sequence[BrokenFile]) -> dg.SensorDefinition:
    """Reports each check as failed, once per set of errors: no run is needed to see it."""
    digest = hashlib.sha256("\n".join(str(file.error) for file in files).encode()).hexdigest()[:32]

    @dg.sensor(
        name=f"{SENSOR}_{kind.replace(' ', '_')}s",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks the files that cannot be used as failed.",
    )
    def tell(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if context.cursor == digest:
            return dg.SkipReason(f"{len(files)} broken files were told")
        return dg.SensorResult(
            asset_events=[
                dg.AssetCheckEvaluation(
                    asset_key=broken_key(file),
                    check_name=CHECK,
                    passed=False,
                    metadata={"error": str(file.error), "file": str(file.path)},
                    description=str(file.error),
                )
                for file in files
            ],
            cursor=digest,
        )

    return tell


def _root(error: Exception) -> Exception:
    """The error that began it: Dagster wraps each in a picture of its component tree."""
    cause: BaseException = error
    while cause.__cause__ is not None and not isinstance(cause, WeirError):
        cause = cause.__cause__
    return cause if isinstance(cause, Exception) else error


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"


def _distinct(files: Sequence[BrokenFile]) -> list[BrokenFile]:
    """One for each asset key: `a-b` and `a.b` would be the same asset."""
    found: dict[dg.AssetKey, BrokenFile] = {}
    for file in sorted(files, key=lambda file: str(file.path)):
        known = found.get(broken_key(file))
        if known is None:
            found[broken_key(file)] = file
        elif str(known.path) != str(file.path):
            error = WeirError(f"{known.error}; {file.error}")
            found[broken_key(file)] = BrokenFile(known.kind, known.path, error)
    return list(found.values())
