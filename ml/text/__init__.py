"""Texts of any language understood: language, sentiment, names, money, dates, products.

Belongs here: what is said about one text, and how models for it are trained. Does not belong here:
where texts come from and where readings go (processors, assets), texts of reports
(``reports/``). It stands on core; :mod:`.publish` and :mod:`.published` know the registry,
:mod:`.functions` what processors ask for.

Start at :mod:`.reader`: ``read(texts, models)`` gives a :class:`~ml.text.results.Reading` for each
text. :mod:`.published` loads the models. To follow a training, read :mod:`.sentiment_training` and
:mod:`.entity_training`.
"""
