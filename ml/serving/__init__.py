"""The model server: champion and challenger behind one address, every answer on record.

Belongs here: which versions are loaded (:mod:`.state`, :mod:`.runtime`), who answers a key
(:mod:`.router`), what an input must be (:mod:`.checks`), HTTP (:mod:`.app`), the record of
predictions and outcomes (:mod:`.log`, :mod:`.journal`), manifests for KServe (:mod:`.kserve`).
Does not belong here: which version is champion (``ml/rollout``), what the record proves
(``ml/trials``), training. Start at :mod:`.app`.
"""
