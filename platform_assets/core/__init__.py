"""What every room stands on: settings, names, errors, files, databases, locks, retries, Trino.

Belongs here: what knows no table, topic, model or report. Does not belong here: anything that
imports another room. Start at :mod:`.settings`.
"""
