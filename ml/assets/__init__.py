"""Models in Dagster: features, data sets, versions, evaluations, drift, trials, scores.

Belongs here: how each appears as an asset, and its jobs and schedules. Does not belong here: what
materialising does (the packages beside this one), and sensors (``sensors/``).
"""

# No `from __future__ import annotations`: Dagster reads annotations in this package.
import dagster as dg


def build_model_definitions() -> dg.Definitions:
    """Everything about models in Dagster; opens no socket, reads YAML files only."""
    from ml.assets.anomaly import build_anomaly_definitions
    from ml.assets.drift import build_drift_definitions
    from ml.assets.features import build_features_definitions
    from ml.assets.purchase import build_purchase_definitions
    from ml.assets.serving import build_serving_definitions
    from ml.assets.upkeep import build_upkeep_definitions

    return dg.Definitions.merge(
        build_features_definitions(),
        build_purchase_definitions(),
        build_drift_definitions(),
        build_serving_definitions(),
        build_anomaly_definitions(),
        build_upkeep_definitions(),
    )
