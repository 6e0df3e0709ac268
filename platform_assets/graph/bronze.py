"""Bronze assets: materialising a partition reads its recorded offset ranges again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Failure,
    MaterializeResult,
    multi_asset,
)

from platform_assets.contracts.model import Contract
from platform_assets.core.settings import get_settings
from platform_assets.graph.retries import backing_off
from platform_assets.graph.specs import bronze_spec, column_lineage, data_links

RETRY = backing_off(5)
"""For runs that a person starts: a server that restarts is back within these tries."""


@contextmanager
def final_errors() -> Iterator[None]:
    """Errors that another attempt cannot fix fail the step at once, with their one clear line."""
    from platform_assets.streaming.faults import is_final
    from platform_assets.streaming.ledger import UnknownWindowError

    try:
        yield
    except Exception as error:
        if isinstance(error, UnknownWindowError) or is_final(error):
            raise Failure(description=str(error), allow_retries=False) from error
        raise


def build_bronze_assets(contracts: Iterable[Contract]) -> list[AssetsDefinition]:
    """One asset a topic."""
    return [_bronze_asset(contract) for contract in contracts]


def _bronze_asset(contract: Contract) -> AssetsDefinition:
    table = contract.topic.bronze

    @multi_asset(
        specs=[bronze_spec(contract)], name=f"bronze_{contract.topic.slug}", retry_policy=RETRY
    )
    def bronze(context: AssetExecutionContext) -> MaterializeResult[None]:
        from platform_assets.graph.engine import engines
        from platform_assets.streaming.open import open_processor

        settings = get_settings()
        context.log.info(f"taking the records of {table.sql} {context.partition_key} again")
        with (
            final_errors(),
            open_processor(settings, context.run_id, engines(settings)) as processor,
        ):
            rows = processor.replay_bronze(contract, context.partition_key)
        return MaterializeResult(
            asset_key=table.asset_key,
            metadata={
                "dagster/partition_row_count": rows,
                "dagster/column_lineage": column_lineage(contract, table),
                **data_links(settings, table),
            },
        )

    return bronze
