"""How a model is made from its spec (:mod:`ml.spec`): rows, choice, training, measure, version.

Belongs here: the data set (:mod:`.dataset`), the candidates and their time-ordered validation
(:mod:`.candidates`, :mod:`.validation`, :mod:`.choice`), training (:mod:`.train`), what a score is
worth (:mod:`.evaluate`, :mod:`.plots`, :mod:`.compare`), the ONNX model (:mod:`.export`), the
folder and the card (:mod:`.package`, :mod:`.card`), its way into the registry (:mod:`.publish`).
Does not belong here: anything about one model (``ml/models/``), features (``ml/features/``),
versions (``ml/store/``), serving, Dagster (``ml/assets/``). Start at :mod:`.train`.
"""
