"""A model's training as assets: data set, version, evaluation, deployment; one job makes all four.

Each asset takes what the one before recorded in its newest materialisation: the data set its
recipe, the version its number. So every step can be made again alone. Where there is too little to
learn from, the asset records ``skipped`` with the reason, gives no output, and Dagster leaves out
all that follows.
"""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from ml.assets.features import USER_FEATURES_KEY
from ml.assets.keys import GROUP, part_key
from ml.spec import ModelSpec
from platform_assets.graph.retries import backing_off

if TYPE_CHECKING:
    from ml.training.dataset import Dataset
    from platform_assets.core.settings import Settings

PARTS = ("dataset", "version", "evaluation", "deployment")
SKIPPED = "skipped"
BY_HAND = "requested by hand"

_RETRY = backing_off(2)
Result = Iterator[dg.MaterializeResult[Any]]
Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


class VersionConfig(dg.Config):
    """Options of the training."""

    seed: int = Field(default=0, ge=0, description="Seed of every random draw.")


def build_training_definitions(spec: ModelSpec) -> dg.Definitions:
    """The four assets of a model and the job that makes them."""
    assets = [_dataset(spec), _version(spec), _evaluation(spec), _deployment(spec)]
    job = dg.define_asset_job(
        spec.training_job,
        dg.AssetSelection.assets(*assets),
        description=f"Train the {spec.name} model, and let it challenge the champion.",
    )
    return dg.Definitions(assets=assets, jobs=[job])


def _part(
    spec: ModelSpec, part: str, deps: list[Any], kinds: set[str], description: str
) -> Decorator:
    decorator: Decorator = dg.asset(
        key=part_key(spec.name, part),
        deps=deps,
        kinds=kinds,
        description=description,
        group_name=GROUP,
        owners=[spec.owner],
        code_version="1",
        retry_policy=_RETRY,
        output_required=False,
        pool=spec.training_job,
    )
    return decorator


def _dataset(spec: ModelSpec) -> dg.AssetsDefinition:
    class DatasetConfig(dg.Config):
        """Options of the data set."""

        until: str = Field(
            default="", description="ISO timestamp; empty: the newest event in silver."
        )
        days: int = Field(default=spec.days, ge=1, description="Newest labelled days.")
        horizon_hours: int = Field(default=spec.label.hours, ge=1, description="Of the label.")

    @_part(
        spec,
        "dataset",
        deps=[dg.AssetDep(USER_FEATURES_KEY, partition_mapping=dg.AllPartitionMapping())],
        kinds={"polars"},
        description="Labelled rows: features of a user at a moment, and whether "
        f"{spec.label.meaning}.",
    )
    def dataset(context: dg.AssetExecutionContext, config: DatasetConfig) -> Result:
        """Fix the recipe over the tables as they are now, and build its rows once."""
        from ml.features import table
        from ml.training.dataset import build, newest_recipe
        from ml.training.errors import Skipped
        from platform_assets.core.settings import get_settings

        settings = get_settings()
        recipe = newest_recipe(
            settings, until=config.until, days=config.days, horizon_hours=config.horizon_hours
        )
        if isinstance(recipe, Skipped):
            return _skip(context, recipe.reason, {})
        made = build(settings, spec, recipe)
        metadata: dict[str, Any] = {
            "dagster/row_count": len(made.rows),
            "positives": int(made.labels.sum()),
            "days": made.rows["at"].n_unique(),
            "table": table.TABLE,
            "table_version": recipe.features_version,
            "silver_version": recipe.silver_version,
            "until": recipe.until,
            "fingerprint": made.fingerprint,
            "recipe": recipe.to_json(),
        }
        if made.wanting:
            return _skip(context, made.wanting, metadata)
        yield dg.MaterializeResult(data_version=dg.DataVersion(made.fingerprint), metadata=metadata)

    return dataset


def _version(spec: ModelSpec) -> dg.AssetsDefinition:
    @_part(
        spec,
        "version",
        deps=[part_key(spec.name, "dataset")],
        kinds={"onnx", "mlflow"},
        description="A model chosen in order of time, as ONNX, in the registry with its card.",
    )
    def version(context: dg.AssetExecutionContext, config: VersionConfig) -> Result:
        """Train on the newest data set, and register what comes out."""
        from ml.store.registry import Registry
        from ml.training.errors import Skipped
        from ml.training.publish import publish
        from ml.training.train import train
        from platform_assets.core.settings import get_settings

        settings = get_settings()
        before = _newest(context, part_key(spec.name, "dataset"))
        if SKIPPED in before:
            return _skip(context, f"no data set: {before[SKIPPED]}", {})
        rows = _rows(settings, spec, before["recipe"])
        trained = train(rows, config.seed)
        if isinstance(trained, Skipped):
            return _skip(context, trained.reason, {})
        tags = {name: text for name, text in context.run.tags.items() if name.startswith("weir/")}
        made = publish(settings, rows, trained, tags, context.run.run_id)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(f"{spec.name}@{made.number}"),
            metadata={
                "version": made.number,
                "mlflow_run": made.run_id,
                "mlflow": Registry(settings).link(made) or "no server",
                "code": made.code_version,
                "model": trained.choice.kind,
                "choice": trained.choice.reason,
                "reason": tags.get("weir/reason", BY_HAND),
                "card": dg.MetadataValue.md(made.card),
                "artefact": dg.MetadataValue.path(str(made.artefact)),
                **{f"metric/{name}": value for name, value in made.metrics.items()},
            },
        )

    return version


def _evaluation(spec: ModelSpec) -> dg.AssetsDefinition:
    @_part(
        spec,
        "evaluation",
        deps=[part_key(spec.name, "version")],
        kinds={"python"},
        description="The newest version and the champion, side by side on days new to both.",
    )
    def evaluation(context: dg.AssetExecutionContext) -> Result:
        """Measure both on the newest labelled days."""
        from ml.store.artefact import artefact_key, open_artefact
        from ml.store.registry import Registry
        from ml.training.compare import compare, table
        from ml.training.plots import calibration_png, precision_recall_png
        from platform_assets.core.settings import get_settings

        settings = get_settings()
        number = _trained(context, spec)
        if number is None:
            return _skip(context, "no version was trained", {})
        registry, key = Registry(settings), artefact_key(settings)
        made = registry.get(spec.name, number)
        champion = registry.find(spec.name, "champion")
        rows = _rows(settings, spec, open_artefact(made.artefact, key).metadata["recipe"])
        found = compare(rows, made, champion, key)
        sides = {side.name: (side.labels, side.scores) for side in found.sides}
        yield dg.MaterializeResult(
            metadata={
                "version": number,
                "champion": champion.number if champion else "none",
                "metrics": dg.MetadataValue.md(table(found)),
                "calibration": _picture("calibration", calibration_png(sides)),
                "precision_recall": _picture("precision over recall", precision_recall_png(sides)),
            }
        )

    return evaluation


def _deployment(spec: ModelSpec) -> dg.AssetsDefinition:
    class DeploymentConfig(dg.Config):
        """Options of the trial."""

        share: float = Field(
            default=spec.share, ge=0, le=1, description="Of all keys, for a challenger."
        )
        shadow: bool = Field(default=False, description="The challenger scores and never answers.")

    @_part(
        spec,
        "deployment",
        deps=[part_key(spec.name, "version"), part_key(spec.name, "evaluation")],
        kinds={"postgres"},
        description="The first version serves; a later one gets its share of the requests.",
    )
    def deployment(context: dg.AssetExecutionContext, config: DeploymentConfig) -> Result:
        """Start serving, or begin a trial; a trial under way ends for the newer challenger."""
        from ml.training.publish import offer
        from platform_assets.core.settings import get_settings

        number = _trained(context, spec)
        if number is None:
            return _skip(context, "no version was trained", {})
        reason = context.run.tags.get("weir/reason", BY_HAND)
        now = offer(
            get_settings(), spec.name, number, share=config.share, shadow=config.shadow,
            reason=f"trained: {reason}", actor=f"dagster run {context.run.run_id}",
        )  # fmt: skip
        yield dg.MaterializeResult(
            metadata={
                "champion": now.champion,
                "challenger": now.challenger or "none",
                "share": now.share,
                "shadow": now.shadow,
                "revision": now.revision,
            }
        )

    return deployment


def _skip(context: dg.AssetExecutionContext, reason: str, metadata: Mapping[str, Any]) -> None:
    """Record the reason on the asset, and give no output: what follows is left out."""
    context.log.warning(f"skipped: {reason}")
    context.log_event(
        dg.AssetMaterialization(context.asset_key, metadata={**metadata, SKIPPED: reason})
    )


def _newest(context: dg.AssetExecutionContext, key: dg.AssetKey) -> Mapping[str, Any]:
    """Metadata of an asset's newest materialisation."""
    event = context.instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return {SKIPPED: f"{key.to_user_string()} was never materialised"}
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def _trained(context: dg.AssetExecutionContext, spec: ModelSpec) -> int | None:
    found = _newest(context, part_key(spec.name, "version")).get("version")
    return None if found is None else int(found)


def _rows(settings: "Settings", spec: ModelSpec, recipe: str) -> "Dataset":
    from ml.training.dataset import Recipe, build

    return build(settings, spec, Recipe.from_json(recipe))


def _picture(name: str, png: bytes) -> dg.MarkdownMetadataValue:
    import base64

    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")
