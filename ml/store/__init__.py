"""What is kept of a model: sealed artefacts, versions and aliases, MLflow.

Belongs here: artefacts, the registry, comparing versions. Does not belong here: who serves
(:mod:`ml.rollout`). :mod:`.tracking` alone knows MLflow. Start at :mod:`.registry`.
"""
