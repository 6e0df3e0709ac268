"""Which past reports a report may cite: those that all of its own readers may read.

Belongs here: that rule, and how past reports are named in the knowledge base. Does not belong
here: finding passages (:mod:`reports.knowledge`), a visitor's rights (:mod:`reports.portal`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from pydantic import ValidationError

from platform_assets.core.errors import WeirError
from reports.definition import Definition, DefinitionError
from reports.store import ReportStore

_PREFIX = "report"

Readers = Callable[[str], frozenset[str]]
"""Name of a report -> users of the portal who were given it."""


def document_id(name: str, period: str) -> str:
    """The id of a past report in the collection of reports."""
    return f"{_PREFIX}:{name}:{period}"


def report_of(document: str) -> tuple[str, str] | None:
    """Name and period of the past report that a document is; None where it is none."""
    prefix, _, rest = document.partition(":")
    name, _, period = rest.partition(":")
    return (name, period) if prefix == _PREFIX and name and period else None


class Citable:
    """Says of a document whether a report may cite it.

    A past report may be cited where it is not held, is for the same audience, and reaches
    everyone whom the citing report reaches: its recipients and its readers in the portal. What
    cannot be established counts against it.
    """

    def __init__(
        self,
        definition: Definition,
        period: str,
        store: ReportStore,
        definitions: Callable[[], Mapping[str, Definition]],
        readers: Readers,
    ) -> None:
        """For one report.

        Args:
            definition: the report that cites.
            period: its period; a report never cites itself.
            store: where past reports are.
            definitions: all reports, by name; asked once another report is found.
            readers: the portal's users; asked likewise.
        """
        self._definition, self._period, self._store = definition, period, store
        self._definitions, self._readers = definitions, readers
        self._reaches_as_many = lru_cache(maxsize=None)(self._compare)

    def __call__(self, document: str) -> bool:
        """Whether a document may be cited; one that is no past report may."""
        found = report_of(document)
        if found is None:
            return True
        name, period = found
        if found == (self._definition.name, self._period):
            return False
        try:
            past = self._store.load(name, period)
        except (WeirError, ValidationError, OSError):
            return False
        if past.held or past.audience != self._definition.audience:
            return False
        return name == self._definition.name or self._reaches_as_many(name)

    def _compare(self, name: str) -> bool:
        """Whether another report reaches everyone whom this one reaches."""
        try:
            other = self._definitions().get(name)
            if other is None or other.audience != self._definition.audience:
                return False
            if not set(self._definition.recipients) <= set(other.recipients):
                return False
            return self._readers(self._definition.name) <= self._readers(name)
        except (DefinitionError, WeirError):
            return False
