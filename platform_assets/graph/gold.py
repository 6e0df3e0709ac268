"""The dbt models as Dagster assets, their tests as asset checks."""

# No postponed annotations here: Dagster reads the signature of the decorated function.
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProject,
    dbt_assets,
)
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.gold.project import (
    PROJECT,
    TARGET,
    ensure_manifest,
    environment,
    keep_parse,
    lend_parse,
    load_manifest,
)
from platform_assets.graph.dbt_process import Dbt, events
from platform_assets.graph.priority import step_back
from platform_assets.graph.retries import backing_off

POOL = "dbt"
"""Dagster pool of the full builds: one at a time, they share tables and a small Trino."""

GOLD_SUITES = "gold_suites"
"""The step with the suites of all tables, where a run has one (:mod:`.checks.gold_assets`)."""

_STAGING = "staging"
_NICENESS = 10


class GoldConfig(dg.Config):
    """Run config of a build.

    Attributes:
        changed_dates: topic slug -> dates (YYYY-MM-DD) to recompute; empty: every date.
        full_refresh: replace the tables instead of merging into them.
    """

    changed_dates: dict[str, list[str]] = {}  # noqa: RUF012 (pydantic copies defaults)
    full_refresh: bool = False


class GoldTranslator(DagsterDbtTranslator):
    """Names, groups, owners, kinds and code versions of gold's assets.

    Args:
        automation_condition: set on every mart (and, by dbt's views, on staging).
    """

    def __init__(self, automation_condition: dg.AutomationCondition[Any] | None = None) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_code_references=True, enable_duplicate_source_asset_keys=True
            )
        )
        self._automation_condition = automation_condition

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """``silver/<domain>/<entity>`` for sources, ``gold/<domain>/<model>`` for models."""
        return asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The domain; staging is a group of its own."""
        if dbt_resource_props["resource_type"] == "model":
            return str(dbt_resource_props["schema"])
        return None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        """The owner of the dbt group, who is the contracts' owner of the domain."""
        meta = dbt_resource_props.get("config", {}).get("meta", {})
        owner = meta.get("owner") or _domain_owner(str(dbt_resource_props.get("schema", "")))
        return [owner] if owner else None

    def get_code_version(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The checksum of the model's SQL."""
        checksum = dbt_resource_props.get("checksum") or {}
        return str(checksum["checksum"])[:16] if checksum.get("checksum") else None

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """Layer and domain, and dbt's tags."""
        tags = {
            "layer": "gold",
            "domain": str(dbt_resource_props.get("schema", "")),
        }
        return {**super().get_tags(dbt_resource_props), **tags}

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """The model's columns, the table's SQL name and where the rows lie."""
        props = dbt_resource_props
        metadata = dict(super().get_metadata(props))
        if props["resource_type"] == "model":
            name = f"{props['database']}.{props['schema']}.{props.get('alias') or props['name']}"
            metadata["sql"] = f"weir sql 'table {name}' --limit 10"
            if keys := props.get("config", {}).get("unique_key"):
                metadata["grain"] = ", ".join([keys] if isinstance(keys, str) else keys)
        return metadata

    def get_automation_condition(
        self, dbt_resource_props: Mapping[str, Any]
    ) -> dg.AutomationCondition[Any] | None:
        """The condition that the caller gave; staging views hold no rows and need none."""
        if dbt_resource_props.get("schema") == _STAGING:
            return None
        return self._automation_condition

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """The default spec with this lake's kinds."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        view = props.get("config", {}).get("materialized") == "view"
        return spec.replace_attributes(kinds={"dbt", "trino", "view" if view else "iceberg"})


def asset_key(props: Mapping[str, Any]) -> dg.AssetKey:
    """The asset key of a dbt node."""
    layer = "silver" if props["resource_type"] == "source" else "gold"
    return dg.AssetKey([layer, str(props["schema"]), str(props.get("alias") or props["name"])])


def model_keys() -> dict[str, list[str]]:
    """Asset key path of each dbt model, by the model's name."""
    return {
        str(node["name"]): list(asset_key(node).path)
        for node in load_manifest()["nodes"].values()
        if node["resource_type"] == "model"
    }


def build_gold_assets(
    automation_condition: dg.AutomationCondition[Any] | None = None,
) -> dg.AssetsDefinition:
    """The dbt project as assets; parses it first where the manifest is stale.

    Needs the resource ``dbt`` (:func:`build_dbt_resource`).
    """
    manifest = ensure_manifest()

    @dbt_assets(
        manifest=manifest,
        project=DbtProject(project_dir=PROJECT, profiles_dir=PROJECT, target_path=TARGET),
        name="gold",
        dagster_dbt_translator=GoldTranslator(automation_condition),
        retry_policy=backing_off(10),
        pool=POOL,
    )
    def gold(context: dg.AssetExecutionContext, dbt: Dbt, config: GoldConfig) -> Iterator[Any]:
        from platform_assets.contracts.load import load_contracts
        from platform_assets.gold.bootstrap import bootstrap
        from platform_assets.quality.gx import warm
        from platform_assets.streaming.whole import require_published

        step_back(_NICENESS)
        settings, began = get_settings(), time.monotonic()
        require_published(settings, load_contracts().values())
        # dbt, in its process and in this one (column lineage), takes its address from there.
        os.environ.update(environment(settings))
        for table in bootstrap(settings):
            context.log.info("registered %s in Trino", table)
        context.log.info(f"tables known to Trino: {time.monotonic() - began:.1f} s")
        began, target = time.monotonic(), build_target(settings)
        lend_parse(settings, target)
        invocation = dbt.begin(
            build_arguments(config.changed_dates, full_refresh=config.full_refresh),
            context,
            target,
        )
        if GOLD_SUITES in {node.name for node in context.job_def.nodes}:
            # While dbt starts, in this thread: imports in two at once may see half of a module.
            warm()
        try:
            yield from events(invocation)
        except DagsterDbtCliRuntimeError as error:
            raise WeirError(*cause_of(str(error))) from error
        keep_parse(settings, target)
        itself = float(invocation.get_artifact("run_results.json")["elapsed_time"])
        context.log.info(f"dbt itself: {itself:.1f} s")
        context.log.info(f"around dbt: {time.monotonic() - began - itself:.1f} s")

    return gold


def cause_of(said: str) -> tuple[str, str]:
    """What dbt's own lines blame, out of a message of dagster-dbt; and where the rest is."""
    before, found, errors = said.partition("Errors parsed from dbt logs:")
    log = re.search(r"debug log: (\S+?)\.?\s*$", before.strip())
    hint = f"dbt's log: {log[1]}" if log else "see the output of the run in Dagster"
    words = " ".join((errors if found else before).split())
    return f"dbt build failed: {words}", hint


def build_arguments(changed_dates: Mapping[str, list[str]], *, full_refresh: bool) -> list[str]:
    """The arguments of a build (pure, so that tests need no warehouse)."""
    import json

    arguments = ["build"]
    if full_refresh:
        arguments.append("--full-refresh")
    if changed_dates:
        variables = {"changed_dates": {key: sorted(days) for key, days in changed_dates.items()}}
        arguments += ["--vars", json.dumps(variables, sort_keys=True)]
    return arguments


def build_target(settings: Settings) -> Path:
    """Where full builds leave what dbt writes; apart from the manifest that Dagster reads."""
    target = settings.home / "dbt" / "dagster"
    target.mkdir(parents=True, exist_ok=True)
    return target


def build_dbt_resource() -> Dbt:
    """The resource ``dbt`` of :func:`build_gold_assets`; reads no secret."""
    return Dbt(
        project_dir=str(PROJECT),
        profiles_dir=str(PROJECT),
        global_config_flags=["--no-use-colors", "--no-version-check"],
        dbt_executable=_dbt_executable(),
    )


def _dbt_executable() -> str:
    import sys

    beside = Path(sys.executable).with_name("dbt")
    return str(beside) if beside.exists() else "dbt"


def _domain_owner(domain: str) -> str | None:
    from platform_assets.contracts.load import load_contracts

    owners = {topic.domain: contract.owner for topic, contract in load_contracts().items()}
    return owners.get(domain, "platform@weir.example" if domain == _STAGING else None)
