"""What a source of a database says about it, its tables and queries."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SqlConfig(BaseModel):
    """Where the database is.

    Attributes:
        url: as SQLAlchemy has it, without a password: ``postgresql+psycopg://weir@db:5432/shop``.
        password: name of the secret.
        timeout_seconds: of the connection, and of a statement where the database has such a limit.
    """

    model_config = ConfigDict(extra="forbid")

    url: str
    password: str = ""
    timeout_seconds: float = Field(default=30, gt=0, le=3600)

    @model_validator(mode="after")
    def _no_password(self) -> SqlConfig:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.url)
        except ArgumentError:
            raise ValueError("expected an address as SQLAlchemy has it") from None
        if url.password is not None:
            raise ValueError("expected an address without a password: name a secret in `password`")
        return self


class SqlStream(BaseModel):
    """What is read.

    Attributes:
        table: ``table`` or ``schema.table``.
        query: a SELECT instead of a table.
        cursor: the column that grows with each change.
        key: columns that tell rows with one cursor value apart.
        page_rows: rows that are read and committed together.
        overlap_seconds: how much earlier each read begins, where the cursor is a moment.
    """

    model_config = ConfigDict(extra="forbid")

    table: str = ""
    query: str = ""
    cursor: str
    key: Sequence[str] = Field(min_length=1)
    page_rows: int = Field(default=20_000, ge=1, le=1_000_000)
    overlap_seconds: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one(self) -> SqlStream:
        if bool(self.table) == bool(self.query):
            raise ValueError("expected either `table` or `query`")
        return self
