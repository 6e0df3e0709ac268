"""What a source of Salesforce says about its objects and events; about its org: :mod:`.login`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.connectors.kinds.salesforce.login import OrgConfig
from platform_assets.connectors.messages.model import Paged


class ObjectStream(BaseModel):
    """Records of an object, as they change."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"object": "Account"}]},
    )

    object: str = Field(pattern=r"^\w+$")
    """Its API name: `Account`, `Invoice__c`."""
    fields: Sequence[str] = ()
    """Those that are read, `Owner.Name` too; all of the object's own by default."""
    where: str = ""
    """A further condition, as SOQL has it."""
    cursor: str = Field(default="SystemModstamp", pattern=r"^\w*$")
    """Field that grows with each change; empty: every read gives everything."""
    start: datetime | None = None
    """Its first value; everything by default."""
    overlap_seconds: float = Field(default=120, ge=0, le=86_400)
    """How much earlier each read begins: changes become visible out of order."""
    deleted: bool = True
    """Deleted records come as deletions, as long as the recycle bin has them."""


class RestStream(ObjectStream):
    """Records of an object, in pages of the REST API."""

    page_rows: int = Field(default=2000, ge=200, le=2000)
    """Records that Salesforce is asked to put on a page."""


class BulkStream(ObjectStream):
    """Records of an object, by a query job."""

    page_rows: int = Field(default=50_000, ge=1, le=250_000)
    """Records of a part, at most."""
    job_seconds: float = Field(default=6 * 3600, gt=0, le=24 * 3600)
    """How long a job may take; one that takes longer is ended, and its read fails."""


class EventsConfig(OrgConfig):
    """An org, and where its events are."""

    endpoint: str = Field(
        default="https://api.pubsub.salesforce.com:7443", pattern=r"^https?://[\w.-]+:\d+$"
    )
    """Of the Pub/Sub API; `https://api.deu.pubsub.salesforce.com:7443` for the EU."""
    organisation: str = Field(default="", pattern=r"^(00D\w{12,15})?$")
    """Id of the org; asked for by default."""


class EventsStream(Paged):
    """A channel of events."""

    topic: str = Field(pattern=r"^/(event|data)/\w+$")
    """`/event/Order_Paid__e`, `/data/AccountChangeEvent`, `/data/ChangeEvents`."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a first read begins; Salesforce keeps events for three days."""
    page_messages: int = Field(default=100, ge=1, le=100)
    """Events that are asked for, and committed together, at most."""
