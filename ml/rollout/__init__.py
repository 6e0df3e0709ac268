"""Who serves: the deployment with its history, and changing it together with the aliases.

Belongs here: deployments and their changes. Does not belong here: whether a change is due
(:mod:`ml.trials`). Start at :mod:`.change`.
"""
