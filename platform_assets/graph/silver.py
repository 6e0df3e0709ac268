"""Silver assets: materialising a partition publishes its recorded micro-batches again."""

from collections.abc import Iterable, Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetsDefinition,
    MaterializeResult,
    multi_asset,
)

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings, get_settings
from platform_assets.engines.base import BatchCounts
from platform_assets.graph.bronze import RETRY, final_errors
from platform_assets.graph.checks.silver import (
    balance_result,
    silver_check_specs,
    window_suite_result,
)
from platform_assets.graph.specs import column_lineage, data_links, silver_specs


def build_silver_assets(contracts: Iterable[Contract]) -> list[AssetsDefinition]:
    """One multi-asset a topic."""
    return [_silver_asset(contract) for contract in contracts]


def _silver_asset(contract: Contract) -> AssetsDefinition:
    @multi_asset(
        specs=silver_specs(contract),
        check_specs=silver_check_specs(contract),
        name=f"silver_{contract.topic.slug}",
        retry_policy=RETRY,
    )
    def silver(
        context: AssetExecutionContext,
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        from platform_assets.graph.engine import engines
        from platform_assets.streaming.open import open_processor

        settings, window = get_settings(), context.partition_key
        counts: list[BatchCounts] = []
        with (
            final_errors(),
            open_processor(settings, context.run_id, engines(settings)) as processor,
        ):
            batches = processor.ledger.batches(contract.topic, window)
            recorded = processor.ledger.recorded(contract.topic, [batch.id for batch in batches])
            for published in processor.replay_silver(contract, batches):
                counts.extend(published.counts.values())
                context.log.info(f"{len(counts)} of {len(batches)} micro-batches published again")
        for table in contract.tables[1:]:
            yield MaterializeResult(
                asset_key=table.asset_key,
                metadata=table_metadata(settings, contract, table, counts),
            )
        yield balance_result(contract, counts, sum(recorded.values()))
        yield window_suite_result(
            contract, settings.lake_root, batches[0].id, batches[-1].id, settings.home
        )

    return silver


def table_metadata(
    settings: Settings, contract: Contract, table: TableName, counts: Iterable[BatchCounts]
) -> dict[str, Any]:
    """Metadata of a materialisation of one of a topic's tables.

    Args:
        settings: profile.
        contract: the topic's contract.
        table: bronze, silver, history or quarantine.
        counts: what became of the micro-batches that it covers.
    """
    batches = list(counts)
    totals = {
        name: sum(getattr(batch, name) for batch in batches)
        for name in ("records", "published", "quarantined", "duplicates", "dead_letters", "late")
    }
    return {
        "dagster/partition_row_count": table_rows(contract, table, batches),
        "dagster/column_lineage": column_lineage(contract, table),
        **totals,
        **data_links(settings, table),
    }


def table_rows(contract: Contract, table: TableName, counts: Iterable[BatchCounts]) -> int:
    """Rows that micro-batches have in one of their topic's tables."""
    if table == contract.topic.quarantine:
        return sum(batch.quarantined for batch in counts)
    if table == contract.topic.bronze:
        return sum(batch.records for batch in counts)
    return sum(batch.published for batch in counts)
