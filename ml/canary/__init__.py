"""The canary: a challenger gets a share of the requests and earns the rest, or is rolled back.

Belongs here: who is served by which model (:mod:`.share`), what an answer is worth
(:mod:`.outcomes`), evidence that may be looked at any time (:mod:`.betting`, :mod:`.latency`),
and the decision (:mod:`.sequential`). Does not belong here: serving, the registry, and where
labels come from.
"""
