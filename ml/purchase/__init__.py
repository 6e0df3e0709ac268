"""The purchase model: will this user buy within the horizon?

Belongs here: the data set (:mod:`.dataset`), the candidates and their time-ordered validation
(:mod:`.candidates`, :mod:`.validation`, :mod:`.choice`), training (:mod:`.train`), what a score is
worth (:mod:`.evaluate`, :mod:`.plots`), the ONNX model (:mod:`.export`), the folder and the card
(:mod:`.package`, :mod:`.card`). Does not belong here: features (``ml/features/``), versions
(``ml/store/registry.py``), serving, Dagster (``ml/assets/purchase.py``). Start at :mod:`.train`.
"""

MODEL = "purchase"
"""Its name in the registry and at the model server."""
