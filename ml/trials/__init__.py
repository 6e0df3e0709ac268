"""Trials: predictions and what became true, turned into promotion, rejection and roll-back.

Belongs here: which rows a trial is judged by (:mod:`.rows`), their replay into the test
(:mod:`.replay`), the watch over a fresh champion (:mod:`.probation`), verdicts and carrying them
out (:mod:`.judge`), the quick look at failures and latency (:mod:`.guard`), the record
(:mod:`.store`, :mod:`.record`). Does not belong here: the mathematics (:mod:`ml.canary`), serving
and its log (:mod:`ml.serving`), who serves (:mod:`ml.rollout`), when to look (``sensors/``).
Start at :mod:`.judge`.
"""

from ml.trials.judge import evidence

__all__ = ["evidence"]
