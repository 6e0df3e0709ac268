"""Features of users at a moment, and the labels that go with them.

Belongs here: what is computed from events (:mod:`.user`), what came after (:mod:`.labels`), the
Delta table of the features (:mod:`.table`) and how its days are made from silver (:mod:`.daily`).
Does not belong here: what one model learns (``ml/models/``), training (``ml/training/``), Dagster
(``ml/assets/features.py``). Next room: ``ml/training/``.

A feature at ``at`` looks at events strictly before ``at`` and at nothing else.
"""
