"""Drift: have the data, or what they mean, moved since the model was trained?

Belongs here: one decision a period about the features (:mod:`.compare`, :mod:`.decide`), a watch
over the metric on labels (:mod:`.concept`, :mod:`.quality`), a day's steps (:mod:`.watch`) with
its pages and record, and whether a training may be asked for (:mod:`.asking`). Does not belong
here: Dagster (``ml/assets/drift.py``), when the record is looked at (``sensors/drift.py``),
training. Start at :mod:`.watch`.
"""
