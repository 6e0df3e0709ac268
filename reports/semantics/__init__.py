"""The semantic layer: what a metric is, once, for reports and for questions.

Belongs here: the YAML of metrics and dimensions (``definitions/``), reading and checking it, and
the SQL of a metric's value. Does not belong here: words of a question
(:mod:`reports.questions`), and what a report shows (:mod:`reports.definition`).
"""
