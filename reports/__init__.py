"""Board reports: definition, facts, context, narrative, page, delivery, portal.

Belongs here: everything from a gold table to a delivered document. Does not belong here: what a
table holds (``dbt_project/``) and models (``ml/``). Start reading at :mod:`.definition` (one YAML
a report), :mod:`.facts.model` (a number and where it comes from) and :mod:`.document` (what a
finished report is).
"""
