"""Asset checks of silver: what Dagster shows of the suite and of the balance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
)
from dagster import TableMetadataValue as Table

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.quality.data_docs import write_docs
from platform_assets.quality.outcomes import SuiteResult, balance, failed_rules

if TYPE_CHECKING:
    import polars as pl

    from platform_assets.engines.base import BatchCounts
    from platform_assets.graph.dagster_private import RawMetadataValue

CONTRACT_CHECK = "contract"
BALANCE_CHECK = "balance"

_FAILURES = TableSchema(
    columns=[
        TableColumn("rule"),
        TableColumn("column"),
        TableColumn("rows", "int"),
        TableColumn("examples"),
        TableColumn("error"),
    ]
)


def silver_check_specs(contract: Contract) -> list[AssetCheckSpec]:
    """The blocking checks of a contract's silver asset: ``contract`` and ``balance``."""
    key = AssetKey(contract.topic.silver.asset_key)
    return [
        AssetCheckSpec(
            CONTRACT_CHECK,
            asset=key,
            blocking=True,
            description=(
                "The full Great Expectations suite generated from the contract: columns and "
                "types, every rule, key uniqueness, event time."
            ),
            metadata={"contract": MetadataValue.path(contract.path)},
        ),
        AssetCheckSpec(
            BALANCE_CHECK,
            asset=key,
            blocking=True,
            description=(
                "Nothing is dropped silently: records in = published + quarantined + duplicates "
                "+ dead letters."
            ),
        ),
    ]


def balance_result(
    contract: Contract, counts: Iterable[BatchCounts], recorded: int
) -> AssetCheckResult:
    """Check the balance of micro-batches: each for itself, and all against the ledger.

    Args:
        contract: whose batches they are.
        counts: what became of each micro-batch.
        recorded: records that the ledger has of them, whatever the tables still hold.
    """
    batches = list(counts)
    totals = {
        name: sum(getattr(batch, name) for batch in batches)
        for name in ("records", "published", "quarantined", "duplicates", "dead_letters")
    }
    each = [
        balance(
            batch.records,
            batch.published,
            batch.quarantined,
            batch.duplicates,
            batch.dead_letters,
        )
        for batch in batches
    ]
    broken = [outcome.reason for outcome in each if not outcome.passed]
    out_of_balance = len(broken)
    if totals["records"] != recorded:
        broken.insert(
            0,
            f"the ledger recorded {recorded} records and {totals['records']} are accounted for: "
            "restore bronze, then materialise the window again",
        )
    return AssetCheckResult(
        passed=not broken,
        asset_key=AssetKey(contract.topic.silver.asset_key),
        check_name=BALANCE_CHECK,
        severity=AssetCheckSeverity.ERROR,
        description="; ".join(broken[:3]) or balance(**totals).reason,
        metadata={
            **totals,
            "batches": len(batches),
            "recorded": recorded,
            "batches_out_of_balance": out_of_balance,
        },
    )


def suite_result(contract: Contract, result: SuiteResult) -> AssetCheckResult:
    """The check result of a suite that has run."""
    return AssetCheckResult(
        passed=result.success,
        asset_key=AssetKey(contract.topic.silver.asset_key),
        check_name=CONTRACT_CHECK,
        severity=AssetCheckSeverity.ERROR,
        description=describe(result),
        metadata=suite_metadata(result),
    )


def describe(result: SuiteResult) -> str:
    """One sentence on what a suite found."""
    if result.success:
        return f"{len(result.outcomes)} expectations met by {result.rows} rows of {result.suite}"
    return f"{result.suite}: not met: {failed_rules(result.outcomes)}"


def suite_metadata(result: SuiteResult) -> dict[str, RawMetadataValue]:
    """Check metadata of a suite: numbers, the failed rules as a table, the data document."""
    metadata: dict[str, RawMetadataValue] = {
        "success": result.success,
        "rows": result.rows,
        "seconds": MetadataValue.float(round(result.seconds, 3)),
        "expectations": len(result.outcomes),
    }
    if result.failures:
        metadata["failed_rules"] = Table(
            records=[
                TableRecord(
                    {
                        "rule": outcome.rule,
                        "column": outcome.column,
                        "rows": outcome.unexpected,
                        "examples": ", ".join(outcome.examples) or outcome.observed,
                        "error": outcome.error,
                    }
                )
                for outcome in result.failures
            ],
            schema=_FAILURES,
        )
    if result.docs is not None:
        metadata["data_docs"] = MetadataValue.path(str(result.docs))
    return metadata


def frame_suite_result(
    contract: Contract, frame: pl.DataFrame, home: Path, label: str
) -> tuple[AssetCheckResult, SuiteResult]:
    """Run the suite over published rows in memory, and write its data document if it failed.

    Args:
        contract: the contract.
        frame: rows in the layout of the contract's published table.
        home: Weir's home, for the data document.
        label: what is checked, e.g. ``batch-42``; names the document.

    Returns:
        The check result, and what the suite found (its seconds feed the budget).
    """
    from platform_assets.quality.gx import validate_frame

    found = validate_frame(contract, frame, history=contract.kind is TopicKind.CHANGE)
    if not found.success:
        found = write_docs(home, found, label)
    return suite_result(contract, found), found


def window_suite_result(
    contract: Contract, lake_root: str, first_batch: int, last_batch: int, home: Path
) -> AssetCheckResult:
    """Run the suite over the published rows of a span of micro-batches, as Delta stores them.

    Args:
        contract: the contract.
        lake_root: root of the lake.
        first_batch: first micro-batch of the span.
        last_batch: last one, inclusive.
        home: Weir's home; the data document goes below it.

    Returns:
        The check result; its metadata links the data document, written in any case.
    """
    from platform_assets.quality.gx import validate_frame

    frame = read_span(contract, lake_root, first_batch, last_batch)
    if frame is None:
        return AssetCheckResult(
            passed=True,
            asset_key=AssetKey(contract.topic.silver.asset_key),
            check_name=CONTRACT_CHECK,
            description=f"{contract.published_table.sql} does not exist yet: no rows to check",
            metadata={"success": True, "rows": 0},
        )
    found = validate_frame(contract, frame, history=contract.kind is TopicKind.CHANGE)
    return suite_result(
        contract, write_docs(home, found, f"batches-{first_batch:08d}-{last_batch:08d}")
    )


def read_span(
    contract: Contract, lake_root: str, first_batch: int, last_batch: int
) -> pl.DataFrame | None:
    """Read the published rows of a span of micro-batches; None where the table is not there.

    Only the columns that the suite looks at, and only files that can hold the span
    (a predicate on ``_micro_batch``, which Delta's file statistics prune by).
    """
    import polars as pl
    from deltalake import DeltaTable

    path = f"{lake_root.rstrip('/')}/{contract.published_table.path}"
    if not DeltaTable.is_deltatable(path):
        return None
    lazy = pl.scan_delta(path)
    present = lazy.collect_schema().names()
    wanted = [column.name for column in contract.columns] + ["_kafka_timestamp"]
    return (
        lazy.filter(pl.col("_micro_batch").is_between(first_batch, last_batch))
        .select([name for name in wanted if name in present])
        .collect()
    )
