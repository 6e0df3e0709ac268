"""What makes a running Trino show the lake: access rules first, then tables and views."""

from __future__ import annotations

from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, TrinoUnreachableError
from platform_assets.gold.access import RulesNotInEffectError, protect
from platform_assets.gold.catalog import ensure_catalog
from platform_assets.gold.register import register_tables
from platform_assets.streaming.locks import writer_lock


def bootstrap(settings: Settings) -> list[str]:
    """Ready a running Trino for queries and dbt; idempotent.

    No table is registered before the rules that hide its personal data are in effect. Derived
    tables (``contracts/derived``) are created empty where no batch step has filled them yet, so
    that models may read them.

    Call it once after Trino answers, and again after new Delta tables came to be.

    Returns:
        SQL names of the tables that were newly registered.
    """
    from platform_assets.contracts.load import derived_contracts, load_contracts
    from platform_assets.engines import derived

    # One at a time: the fresh gold run and a full build may both be starting.
    with writer_lock(settings, "trino"):
        ensure_catalog(settings)
        protect(settings)
        for contract in derived_contracts():
            derived.ensure(settings, contract)
        return register_tables(settings, [*load_contracts().values(), *derived_contracts()])


def protect_tables(settings: Settings) -> str:
    """Bring the contracts' access rules into effect before their tables are written.

    A registered table shows a new column with the commit that adds it. A Trino that is down reads
    the rules when it starts.

    Returns:
        why a running Trino does not follow them; empty where it does.
    """
    with writer_lock(settings, "trino"):
        try:
            protect(settings, attempts=1)
        except TrinoUnreachableError:
            return ""
        except (RulesNotInEffectError, TrinoQueryError) as error:
            return str(error)
    return ""
