"""Parsing: a file to a title and blocks.

Belongs here: one module a family of formats, and the choice among them (:mod:`.choose`). Does not
belong here: how blocks become passages (:mod:`reports.knowledge.chunks`). Parsers raise whatever
their library raises; :func:`.choose.parse` makes a refusal of it.
"""
