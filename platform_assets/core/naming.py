"""Layer, domain, entity <-> asset key, table path, SQL name, topic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Layer = Literal["bronze", "silver", "gold"]

QUARANTINE_SUFFIX = "_quarantine"
HISTORY_SUFFIX = "_history"
DEAD_LETTER_SUFFIX = ".dlq"
STREAM_LEASE = "stream"
"""What the one stream run that is alive holds."""
SOURCES_LEASE = "sources"
"""What the one sources run that is alive holds."""
TOUR_LEASE = "tour"
"""What ``weir run`` holds while it makes a lake with a full build of gold."""

SOURCE_NAME = r"[a-z][a-z0-9_]*"
"""Pattern of a source's name: a folder, a word in names of jobs and topics."""

_OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:.+")
OWNER_RULE = "expected an e-mail address or team:name, as Dagster asks of an owner"


def is_owner(text: str) -> bool:
    """Whether Dagster takes a text for an owner; a test compares the two."""
    return _OWNER.fullmatch(text) is not None


@dataclass(frozen=True, order=True)
class TableName:
    """One table of the lake.

    Attributes:
        layer: bronze, silver or gold; also the Trino catalog.
        domain: business domain; also the Trino schema and the folder.
        entity: table name within the domain, with its suffix where it has one.
    """

    layer: Layer
    domain: str
    entity: str

    @property
    def asset_key(self) -> list[str]:
        """Path of the Dagster asset key."""
        return [self.layer, self.domain, self.entity]

    @property
    def path(self) -> str:
        """Path below the lake's root."""
        return f"{self.layer}/{self.domain}/{self.entity}"

    @property
    def sql(self) -> str:
        """Name in Trino."""
        return f"{self.layer}.{self.domain}.{self.entity}"


@dataclass(frozen=True, order=True)
class TopicName:
    """A topic ``domain.entity`` and the tables that come from it."""

    domain: str
    entity: str

    @classmethod
    def parse(cls, text: str) -> TopicName:
        """Parse ``domain.entity``.

        Raises:
            ValueError: the text is not of that form.
        """
        domain, dot, entity = text.partition(".")
        if not (domain and dot and entity) or "." in entity:
            raise ValueError(f"topic {text!r}: expected domain.entity, e.g. commerce.clickstream")
        return cls(domain, entity)

    def __str__(self) -> str:
        return f"{self.domain}.{self.entity}"

    @property
    def dead_letters(self) -> str:
        """The topic that takes what cannot be decoded."""
        return f"{self}{DEAD_LETTER_SUFFIX}"

    @property
    def subject(self) -> str:
        """Schema registry subject of the values."""
        return f"{self}-value"

    @property
    def slug(self) -> str:
        """The topic as an identifier: ``commerce_clickstream``."""
        return f"{self.domain}_{self.entity}"

    @property
    def partitions_name(self) -> str:
        """Name of the Dagster partition set of its windows."""
        return f"windows_{self.slug}"

    @property
    def bronze(self) -> TableName:
        """Every record as it came."""
        return TableName("bronze", self.domain, self.entity)

    @property
    def silver(self) -> TableName:
        """Typed, checked, deduplicated rows (of a change topic: the current state)."""
        return TableName("silver", self.domain, self.entity)

    @property
    def quarantine(self) -> TableName:
        """Rows that broke a rule, with their bytes."""
        return TableName("silver", self.domain, self.entity + QUARANTINE_SUFFIX)

    @property
    def history(self) -> TableName:
        """All versions of a change topic's rows (valid_from, valid_to)."""
        return TableName("silver", self.domain, self.entity + HISTORY_SUFFIX)
