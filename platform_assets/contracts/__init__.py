"""Data contracts (ODCS v3 YAML): columns, keys, rules, owner, PII, retention of each topic.

Belongs here: what a dataset promises, and reading it. Does not belong here: acting on it.
Next rooms: connectors (topics, schemas), silver and engines (rules), quality (suites).
"""
