"""A question from its words to its answer, for the shell, the portal and the API."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from platform_assets.core.settings import Settings
from platform_assets.core.trino import Result, execute
from reports.questions.answer import Answer, answer
from reports.questions.grammar import Grammar
from reports.questions.lexicon import ENGLISH, GERMAN
from reports.questions.members import MOST
from reports.questions.outcomes import NotUnderstoodError
from reports.questions.query import Query, statement
from reports.questions.reading import Phrases
from reports.questions.sentences import interpretation
from reports.questions.windows import Clock
from reports.questions.words import tokens
from reports.semantics.load import load_layer
from reports.semantics.model import Dimension, Layer, SemanticModel

ANALYST = "analyst"
"""Reads only, and no personal data (:mod:`platform_assets.gold.access`)."""

LONGEST = 500
"""Characters of a question."""

_MEMBERS_SECONDS = 600.0
_LIMITS = {"query_max_execution_time": "60s"}


class Asker:
    """Answers questions as one user of Trino.

    Args:
        settings: where Trino is.
        user: whose rights count; it must not be one that writes.
        layer: what can be asked for; that of the project if not given.
    """

    def __init__(self, settings: Settings, user: str = ANALYST, layer: Layer | None = None) -> None:
        self._settings, self.user = settings, user
        self.layer = layer or load_layer()
        self.grammar = Grammar(self.layer, _phrases(layer), self._members)
        self._known: dict[tuple[str, str], tuple[float, Sequence[str]]] = {}
        self._lock = threading.Lock()

    def understand(self, text: str, clock: Clock, context: Query | None = None) -> Query:
        """What a question asks for.

        Raises:
            AmbiguousError: it means two things.
            NotUnderstoodError: it is not understood, or nothing can answer it.
        """
        return self.grammar.parse(text[:LONGEST], clock, context)

    def answer(self, text: str, clock: Clock, context: Query | None = None) -> Answer:
        """A question's answer; the same errors as :meth:`understand`.

        Raises:
            TrinoQueryError: Trino refuses the statement.
            TrinoUnreachableError: Trino does not answer.
        """
        language = language_of(text)
        try:
            query = self.understand(text, clock, context)
        except NotUnderstoodError as error:
            if not self._settings.llm_url:
                raise
            return self._by_model(text[:LONGEST], language, clock, error)
        return answer(text, language, query, self.layer, clock, self.run)

    def _by_model(
        self, text: str, language: str, clock: Clock, error: NotUnderstoodError
    ) -> Answer:
        """By SQL of the model that the settings name; its failure is told beside the first one."""
        from reports.questions.generated import by_model

        try:
            return by_model(self._settings, text, language, self.layer, clock, self.run)
        except NotUnderstoodError as failure:
            raise NotUnderstoodError(
                f"{error.message}; {failure.message}",
                error.hint,
                word=error.word,
                nearest=error.nearest,
            ) from failure

    def explain(self, text: str, clock: Clock, context: Query | None = None) -> Answer:
        """The statement and what it was read as; nothing of it is run."""
        query = self.understand(text, clock, context)
        language = language_of(text)
        return Answer(
            question=text,
            language=language,
            interpretation=interpretation(query, language),
            sql=statement(query, clock),
            result=Result((), (), []),
            rows_sql="",
            query=query,
        )

    def run(self, sql: str) -> Result:
        """Run one SELECT as the user."""
        return execute(self._settings, sql, self.user)

    def _members(self, model: SemanticModel, dimension: Dimension) -> Sequence[str]:
        key = (model.table, dimension.column)
        with self._lock:
            at, names = self._known.get(key, (0.0, ()))
            if at and time.monotonic() - at < _MEMBERS_SECONDS:
                return names
        if dimension.member:
            return ()  # named by its number
        from reports.kpi_sql import render_sql

        rows = render_sql(model.statement)
        found = self.run(
            f'SELECT DISTINCT "{dimension.column}" FROM (\n{rows}\n) AS source_rows\n'  # noqa: S608 (names of the layer)
            f'WHERE "{dimension.column}" IS NOT NULL LIMIT {MOST}'
        ).rows
        names = tuple(str(row[0]) for row in found)
        with self._lock:
            self._known[key] = (time.monotonic(), names)
        return names


def language_of(text: str) -> str:
    """The language that a question is in: ``de`` or ``en``."""
    keys = [token.key for token in tokens(text)]
    german = sum(key in GERMAN for key in keys)
    english = sum(key in ENGLISH for key in keys)
    return "de" if german > english else "en"


def clock_of(as_of: datetime | None = None, zone: str = "UTC") -> Clock:
    """Now, or a given moment, by a zone's days."""
    return Clock(as_of or datetime.now(UTC), zone)


@lru_cache(maxsize=1)
def _own() -> Phrases:
    return Phrases(load_layer())


def _phrases(layer: Layer | None) -> Phrases:
    return _own() if layer is None else Phrases(layer)
