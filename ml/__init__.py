"""Models that look after themselves, from a table to a prediction that proves itself.

Belongs here: everything between a table and a prediction. Does not belong here: what a table holds
(``platform_assets/``), reports over predictions (``reports/``), text models of reports
(``reports/knowledge/``, ``reports/narrative/``), when something runs (``sensors/``).

In the order of a model's life; each package says in its docstring where to start:

- :mod:`ml.features`: features of users at a moment, their table, what labels are made of;
- :mod:`ml.spec`: what a model is; :mod:`ml.models`: a folder for each; :mod:`ml.discovery`;
- :mod:`ml.training`: data set, training, choice, evaluation, ONNX, from a spec;
- :mod:`ml.store`: sealed artefacts, versions, aliases, lineage; MLflow;
- :mod:`ml.rollout`: who serves, and changing it together with the aliases;
- :mod:`ml.serving`: the model server and its record of predictions and outcomes;
- :mod:`ml.canary`: the mathematics of a trial; :mod:`ml.trials`: trials over the record, acted on;
- :mod:`ml.drift`: whether data or labels moved, and whether to train again;
- :mod:`ml.anomaly`: strange points of a stream, incidents, which detector a stream gets;
- :mod:`ml.text`: what a text says, in many languages;
- :mod:`ml.assets`: all of that as Dagster's assets, the only package here that imports Dagster;
- :mod:`platform_assets.cli.models`: ``weir models``.

To follow a model, read its ``spec.py``, then ``ml/assets/training.py`` and what it calls.
"""
