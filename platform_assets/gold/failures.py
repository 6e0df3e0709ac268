"""What the failure of a gold model means: what a step does about it depends on its kind.

Belongs here: the kinds of failures and how they are told apart. Does not belong here: retries.
"""

from __future__ import annotations

from collections.abc import Mapping

from platform_assets.core.errors import WeirError

_CONFLICT = ("conflict", "commit failed", "cannot commit", "stale", "concurrent", "transaction")
_MISSING = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")
_AWAY = (
    # Iceberg's JDBC catalog in Trino: its pool holds connections that PostgreSQL's end has closed,
    # and drops one at each failure.
    "cannot check and eventually update sql schema",
    "connection has been closed",
    "terminating connection due to administrator command",
    "the database system is",
    "i/o error occurred while sending to the backend",
    "check that the hostname and port are correct",
    "has lost the database of its catalog",
)


class FreshGoldError(WeirError):
    """A model of a step failed.

    Attributes:
        model: the model's name, or ``dbt`` where none ran.
        reason: what Trino or dbt said.
    """

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(
            f"gold model {model}: {reason}; its table keeps its rows",
            "fix the model or the table, then materialise it in Dagster",
        )
        self.model = model
        self.reason = reason


class CommitConflictError(FreshGoldError):
    """Another writer (a full build, compaction) committed to the table first."""


class CatalogAwayError(FreshGoldError):
    """Iceberg's catalog did not answer. A step may be run again: its dates are merged again."""


class MissingTableError(FreshGoldError):
    """A table or staging view is not there yet."""


def kind_of(reason: str) -> type[FreshGoldError]:
    """The kind of a failure, from what Trino or dbt said."""
    if any(word in reason for word in _MISSING):
        return MissingTableError
    if any(word in reason.lower() for word in _AWAY):
        return CatalogAwayError
    if any(word in reason.lower() for word in _CONFLICT):
        return CommitConflictError
    return FreshGoldError


def cause_of(model: str, failed: Mapping[str, FreshGoldError]) -> FreshGoldError:
    """Why a model did not run: its own failure, or that of a model above it."""
    if model in failed:
        return failed[model]
    above = ", ".join(failed) or "a model above it"
    first = next((error.reason for error in failed.values()), "dbt did not run it")
    return FreshGoldError(model, f"waits for {above}: {first}")
