"""The template's sentences, a module for each language.

Belongs here: texts. Does not belong here: which of them is said
(:mod:`reports.narrative.template`), what each one is for (:mod:`reports.narrative.phrases`).
"""
