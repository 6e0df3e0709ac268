"""Models of texts as assets: trained where labelled texts are, else skipped with what to do."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ml.assets.keys import GROUP, OWNER, part_key
from ml.text.trained import ENTITIES, SENTIMENT

TRAIN_JOB = "train_text"
FOLDER = "text"
"""Below Weir's home: where labelled texts are looked for."""
_DESCRIPTIONS = {
    SENTIMENT: "Negative, neutral or positive, with calibrated probabilities, in each language.",
    ENTITIES: "Persons, organisations and places in texts, with positions and confidence.",
}


class TextConfig(dg.Config):
    """Options of a training."""

    data: str = Field(default="", description="Folder of labelled texts; empty: <home>/text.")


def build_text_definitions() -> dg.Definitions:
    """An asset for each model, and the job that trains both."""
    assets = [_version(model) for model in _DESCRIPTIONS]
    job = dg.define_asset_job(
        TRAIN_JOB,
        dg.AssetSelection.assets(*assets),
        description="Trains what reads texts, on labelled texts that you give.",
    )
    return dg.Definitions(assets=assets, jobs=[job])


def _version(model: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=part_key(model, "version"),
        group_name=GROUP,
        owners=[OWNER],
        kinds={"mlflow", "scikitlearn"} if model == SENTIMENT else {"mlflow"},
        description=_DESCRIPTIONS[model],
        code_version="1",
        pool="training",
    )
    def version(context: dg.AssetExecutionContext, config: TextConfig) -> dg.MaterializeResult[Any]:
        from ml.text.corpora import CorpusError
        from ml.text.train import HINT, corpora, train_and_publish
        from platform_assets.core.settings import get_settings

        settings = get_settings()
        folder = Path(config.data) if config.data else settings.home / FOLDER
        try:
            place = corpora(folder).get(model)
        except CorpusError:
            place = None
        if place is None:
            reason = f"no labelled texts for {model} in {folder}; {HINT}"
            context.log.warning(f"skipped: {reason}")
            return dg.MaterializeResult(metadata={"skipped": reason})
        tags = {
            "weir/dagster_run": context.run_id,
            "weir/reason": context.run_tags.get("weir/reason", "asked for"),
        }
        trained, made, alias = train_and_publish(settings, model, place, tags)
        return dg.MaterializeResult(
            metadata={
                "version": made.number,
                "alias": alias,
                "rows": trained.rows,
                "measured_on": trained.left_out,
                "card": dg.MetadataValue.md(made.card),
                **{f"metric/{name}": value for name, value in trained.metrics.items()},
            }
        )

    return version
