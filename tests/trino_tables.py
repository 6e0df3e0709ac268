"""Tables of a test's own that analysts may read in Trino."""

from __future__ import annotations

import json

from platform_assets.contracts.load import load_contracts
from platform_assets.core.files import write_file
from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.gold import access
from platform_assets.gold.bootstrap import bootstrap
from platform_assets.gold.columns import read_models
from platform_assets.local.trino import etc_dir


def show_to_analysts(settings: Settings, *tables: TableName) -> None:
    """Ready Trino as usual, with rules that name these tables too; returns when in effect."""
    bootstrap(settings)
    contracts = load_contracts().values()
    hidden = access.hidden_columns(contracts, read_models(contracts).values())
    rules = access.access_rules(contracts, {**hidden, **dict.fromkeys(tables, ())})
    write_file(etc_dir(settings) / access.RULES_FILE, json.dumps(rules))
    access.await_rules(settings, rules["queries"][2]["user"])
