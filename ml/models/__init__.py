"""The models, one folder each: ``<name>/spec.py`` holds ``SPEC``, a :class:`ml.spec.ModelSpec`.

Belongs here: what is special to one model: what it learns, its limits, its reasons to train again.
Does not belong here: how models are trained (``ml/training/``), served or watched. A folder knows
:mod:`ml.spec`, :mod:`ml.features` and :mod:`ml.training`, and no other model; nothing outside
names a model. :mod:`ml.discovery` finds them. To add one: ``docs/how-to/model.md``.
"""
