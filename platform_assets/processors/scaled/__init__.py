"""Processors on engines that bring their own exchange with the log: Spark and Flink.

One machine runs a processor by :mod:`..run`. Whoever outgrows it runs the same function over the
same records as a job of Spark's structured streaming or of Flink: partitions are shared over the
workers of a cluster, and results are the same record for record. Belongs here: the function as the
engines' workers call it (:mod:`.program`), and a job for each engine. Does not belong here: what
is made of a record (:mod:`..transform`), or the hot path, which reads the results from the log
whoever wrote them.
"""
