"""Questions in words: from a sentence to a statement, and from its rows to an answer.

Belongs here: the grammar over the semantic layer, the SQL of a question, the answer with its
facts and its prose, and SQL written by a model. Does not belong here: what a metric is
(:mod:`reports.semantics`), the shell and the pages (:mod:`platform_assets.cli`,
:mod:`reports.portal`). Start reading at :mod:`.ask`; the way of a question is :mod:`.words`
(tokens) -> :mod:`.reading` (what each phrase stands for) -> :mod:`.grammar` (one query) ->
:mod:`.query` (its SQL) -> :mod:`.answer` (rows, facts, sentences).
"""
