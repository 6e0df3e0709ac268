"""Who sees what in Trino: rules generated from the contracts, in effect before a table is shown.

Users: ``weir`` (``WEIR_TRINO_USER``) does everything; ``analyst`` reads the tables that the
contracts and the dbt models name, without what holds personal data; anyone else sees nothing. A
table, view or column that nothing names is not shown: what it holds is not known.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Profile, Settings
from platform_assets.core.trino import TrinoQueryError, execute
from platform_assets.gold.columns import STAGING, GoldModel, leaf_of, read_models
from platform_assets.gold.live import MODEL, VIEW

if TYPE_CHECKING:
    from sqlglot import exp

ADMIN = "weir"
ANALYST = "analyst"
RULES_FILE = "access-rules.json"
PUBLIC_SUFFIX = "_public"

EFFECT_SECONDS = 60.0
"""How long new rules may take to come into effect; Trino reads its file once a second."""

_PROBE = "weir-rules-"
"""A user of this name and the rules' digest may run ``select 1``: so the rules in effect show."""

# A record as it came holds every value of the row, so for a topic with personal data its
# carriers are personal as well; so are the messages that quote values.
_BRONZE_CARRIERS = ("kafka_key", "kafka_value", "kafka_headers", "before")
_BRONZE_MESSAGES = ("decode_error", "type_errors")
_QUARANTINE_CARRIERS = ("kafka_key", "kafka_value", "kafka_headers", "reason")
_ALL_TABLE = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]

Hidden = Mapping[TableName, tuple[str, ...] | None]
"""Columns of a table that analysts do not see; None: they do not see the table."""


class RulesNotInEffectError(WeirError):
    """Trino does not follow the rules that the contracts ask for."""


def pii_columns(
    contract: Contract, former: Mapping[TableName, tuple[str, ...]] | None = None
) -> dict[TableName, tuple[str, ...]]:
    """Columns that analysts must not see, for each table of the contract that has any.

    Args:
        contract: the topic's contract.
        former: columns that its tables hold and the contract no longer names. Whether they were
            personal is not known, so they are hidden, and so are the bytes that hold them.
    """
    former = former or {}
    personal = [column.name for column in contract.columns if column.pii]
    gone = [name for names in former.values() for name in names]
    named = tuple(dict.fromkeys([*personal, *gone]))
    if not named:
        return {}
    topic = contract.topic
    extra = {
        topic.bronze: (*_BRONZE_CARRIERS, *_BRONZE_MESSAGES),
        topic.quarantine: _QUARANTINE_CARRIERS,
    }
    return {table: (*named, *extra.get(table, ())) for table in contract.tables}


def former_columns(settings: Settings, contract: Contract) -> dict[TableName, tuple[str, ...]]:
    """Columns of the contract's Delta tables that neither it nor Weir names any more."""
    from deltalake import DeltaTable

    from platform_assets.engines.layout import layouts

    found: dict[TableName, tuple[str, ...]] = {}
    known = {name for layout in layouts(contract) for name in layout.schema.names}
    for layout in layouts(contract):
        where = f"{settings.lake_root.rstrip('/')}/{layout.table.path}"
        if not DeltaTable.is_deltatable(where):
            continue
        names = {field.name for field in DeltaTable(where, without_files=True).schema().fields}
        if gone := names - known:
            found[layout.table] = tuple(sorted(gone))
    return found


def personal_leaves(definition: exp.Expr, personal: Iterable[tuple[TableName, str]]) -> bool:
    """Whether a column so defined shows, or is computed from, a personal column.

    Counting rows shows nobody, and neither does the order or the group of a window.
    """
    from sqlglot import exp

    counts = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RowNumber)

    def shown(node: exp.Expr) -> Iterable[exp.Column]:
        if isinstance(node, counts):
            return
        if isinstance(node, exp.Column):
            yield node
        inner = [node.this] if isinstance(node, exp.Window) else node.iter_expressions()
        for child in inner:
            yield from shown(child)

    known = set(personal)
    return any(leaf_of(column) in known for column in shown(definition))


def hidden_columns(
    contracts: Iterable[Contract],
    models: Iterable[GoldModel],
    former: Mapping[TableName, tuple[str, ...]] | None = None,
) -> dict[TableName, tuple[str, ...] | None]:
    """What analysts do not see of every table that contracts, derived ones too, and models name."""
    from platform_assets.contracts.load import derived_contracts

    hidden: dict[TableName, tuple[str, ...] | None] = {}
    for contract in (*derived_contracts(), *contracts):
        own = {table: former[table] for table in contract.tables if former and table in former}
        columns = pii_columns(contract, own)
        hidden.update({table: columns.get(table, ()) for table in contract.tables})
    personal = {(table, name) for table, names in hidden.items() for name in names or ()}
    for model in models:
        if model.problem or model.table.domain == STAGING:
            # Staging views run with the rights of their owner and may show personal data.
            hidden[model.table] = None
        else:
            hidden[model.table] = tuple(
                name
                for name, definition in model.columns.items()
                if personal_leaves(definition, personal)
            )
        if model.table == MODEL:
            # Sums of the same kind; the rows of the hot path behind them are not shown.
            hidden[VIEW] = hidden[model.table]
    return hidden


def access_rules(
    contracts: Iterable[Contract], hidden: Hidden | None = None, admin: str = ADMIN
) -> dict[str, Any]:
    """The rules of Trino's file-based access control.

    Args:
        contracts: the contracts; one that cannot be read is not among them, so that analysts
            read none of its topic's tables.
        hidden: what analysts do not see; from contracts and dbt models if not given.
        admin: the user that Weir itself is (``WEIR_TRINO_USER``).
    """
    contracts = list(contracts)
    if hidden is None:
        hidden = hidden_columns(contracts, read_models(contracts).values())
    everything = {"user": re.escape(admin)}
    tables: list[dict[str, Any]] = [{**everything, "privileges": _ALL_TABLE}]
    for table, columns in sorted(hidden.items()):
        if columns is None:
            continue
        rule = {
            "user": ANALYST,
            "catalog": table.layer,
            "schema": re.escape(table.domain),
            "privileges": ["SELECT"],
        }
        entity = re.escape(table.entity)
        if columns:
            # The public view has the same columns hidden: it may be older than the rules.
            # `table$partitions` and its kin can quote values, so they are not shown at all.
            # Each once: of a file that names one twice Trino takes no rule at all.
            named = [{"name": name, "allow": False} for name in dict.fromkeys(columns)]
            tables.append({**rule, "table": f"{entity}({PUBLIC_SUFFIX})?", "columns": named})
        else:
            tables.append({**rule, "table": f"{entity}(\\$.*)?"})
    tables.append({"user": ANALYST, "catalog": "system", "privileges": ["SELECT"]})
    rules: dict[str, Any] = {
        "catalogs": [
            {**everything, "allow": "all"},
            {"user": ANALYST, "catalog": "(bronze|silver|gold|system)", "allow": "read-only"},
            {"allow": "none"},
        ],
        "schemas": [{**everything, "owner": True}, {"owner": False}],
        "tables": tables,
        # Table functions (`table_changes`) and procedures would go round the column rules.
        "functions": [{**everything, "privileges": ["EXECUTE", "GRANT_EXECUTE", "OWNERSHIP"]}],
        "procedures": [{**everything, "privileges": ["EXECUTE"]}],
        "queries": [
            {**everything, "allow": ["execute", "kill", "view"]},
            {"user": ANALYST, "allow": ["execute"]},
            {"allow": []},
        ],
        "system_information": [{**everything, "allow": ["read", "write"]}],
        "system_session_properties": [
            {**everything, "allow": True},
            # The limits must stay what this file says.
            {"user": ANALYST, "property": "(query_|resource_|spill_|memory_).*", "allow": False},
            {"user": ANALYST, "allow": True},
            {"allow": False},
        ],
        "catalog_session_properties": [{**everything, "allow": True}, {"allow": False}],
    }
    digest = hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:16]
    rules["queries"].insert(2, {"user": f"{_PROBE}{digest}", "allow": ["execute"]})
    return rules


def write_rules(
    settings: Settings, etc_dir: Path, contracts: Mapping[TopicName, Contract] | None = None
) -> str:
    """Write the rules' file below Trino's ``etc``; returns the user that shows them in effect.

    The contracts are read from disk, whatever this process read before: of two processes the
    one with the older code must not take back what the newer one hid.
    """
    if contracts is None:
        from platform_assets.contracts.load import read_lake

        contracts = read_lake()
    former: dict[TableName, tuple[str, ...]] = {}
    for contract in contracts.values():
        former.update(former_columns(settings, contract))
    models = read_models(contracts.values())
    hidden = hidden_columns(contracts.values(), models.values(), former)
    path = etc_dir / RULES_FILE
    for table, names in _hidden_before(path).items():
        if (model := models.get(table)) is not None and (now := hidden[table]) is not None:
            # A column that a model lost stays in its table, and as hidden as it was.
            hidden[table] = (*now, *(name for name in names if name not in model.columns))
    rules = access_rules(contracts.values(), hidden, settings.trino_user)
    write_file(path, json.dumps(rules, indent=2) + "\n")
    return str(rules["queries"][2]["user"])


def _hidden_before(path: Path) -> dict[TableName, tuple[str, ...]]:
    found: dict[TableName, tuple[str, ...]] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        for rule in json.loads(path.read_text(encoding="utf-8"))["tables"]:
            if columns := rule.get("columns"):
                entity = rule["table"].removesuffix(f"({PUBLIC_SUFFIX})?").replace("\\", "")
                table = TableName(rule["catalog"], rule["schema"].replace("\\", ""), entity)
                found[table] = tuple(column["name"] for column in columns)
    return found


def protect(settings: Settings, attempts: int = 4) -> None:
    """Bring the rules of the contracts into effect; returns once Trino follows them.

    Call it before a table or column is shown, one process at a time. On a cluster the operator's
    Trino has rules of its own, which this does not touch.

    Args:
        settings: where Trino and the lake are.
        attempts: how often a Trino that does not answer is asked.

    Raises:
        TrinoUnreachableError: Trino does not answer.
        RulesNotInEffectError: it answers and does not follow the rules.
    """
    if settings.profile is Profile.CLUSTER:
        return
    from platform_assets.local.trino import etc_dir

    await_rules(settings, write_rules(settings, etc_dir(settings)), attempts)


def await_rules(settings: Settings, user: str, attempts: int = 4) -> None:
    """Return once the rules that name this user are in effect."""
    waiting = Retry(attempts=None, seconds=EFFECT_SECONDS, pause=0.2, longest=0.5)
    try:
        waiting.on(_is_refused)(execute, settings, "select 1", user, attempts=attempts)
    except TrinoQueryError as error:
        if not _is_refused(error):
            raise
        raise RulesNotInEffectError(
            f"Trino does not follow its new {RULES_FILE} after {EFFECT_SECONDS:.0f} s",
            "see `weir logs trino` for what it says of that file, then `weir restart trino`",
        ) from error


def _is_refused(error: BaseException) -> bool:
    return isinstance(error, TrinoQueryError) and error.name == "PERMISSION_DENIED"
