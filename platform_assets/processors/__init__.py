"""The speed layer: long-lived processors of single events, over the same topics as the lake.

Belongs here: what a processor reads and writes, the exchange with the log (records in, results
and position out, in one transaction), the hot path in PostgreSQL (:mod:`.hot`), and the comparison
with the batch layer (:mod:`.agreement`). Does not belong here: the functions that understand a
text (``ml/text``; they are handed in), micro-batches (``streaming``), Dagster (``ml/assets``), the
page that shows it (``reports/portal``). Start reading at :mod:`.run`.
"""
