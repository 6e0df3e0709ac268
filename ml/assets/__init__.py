"""Models in Dagster: features, data sets, versions, evaluations, drift, trials, scores.

Belongs here: how each appears as an asset, and its jobs and schedules. What a model has is made
here from its spec: :mod:`.training`, :mod:`.drift`, :mod:`.serving`. Does not belong here: what
materialising does (the packages beside this one), and sensors (``sensors/``).
"""

# No `from __future__ import annotations`: Dagster reads annotations in this package.
import dagster as dg

from ml.discovery import Found, models
from ml.spec import ModelSpec


def build_model_definitions(found: Found | None = None) -> dg.Definitions:
    """Everything about models in Dagster; opens no socket, reads specs and YAML files only.

    Args:
        found: the models; by default those of this installation.
    """
    from ml.assets.anomaly import build_anomaly_definitions
    from ml.assets.enriched import build_enriched_definitions
    from ml.assets.features import build_features_definitions
    from ml.assets.processors import build_processor_definitions
    from ml.assets.text import build_text_definitions
    from ml.assets.upkeep import build_upkeep_definitions
    from platform_assets.graph.broken_assets import build_broken_definitions

    known = models() if found is None else found
    return dg.Definitions.merge(
        build_features_definitions(),
        *(build_definitions_of(spec) for spec in known.specs),
        build_broken_definitions("model", [broken.as_file for broken in known.broken]),
        build_anomaly_definitions(),
        build_text_definitions(),
        build_processor_definitions(),
        build_enriched_definitions(),
        build_upkeep_definitions(),
    )


def build_definitions_of(spec: ModelSpec) -> dg.Definitions:
    """The assets, checks and jobs of one model."""
    from ml.assets.drift import build_drift_definitions
    from ml.assets.serving import build_serving_definitions
    from ml.assets.training import build_training_definitions

    return dg.Definitions.merge(
        build_training_definitions(spec),
        build_drift_definitions(spec),
        build_serving_definitions(spec),
    )
