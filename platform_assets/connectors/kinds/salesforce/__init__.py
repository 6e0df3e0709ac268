"""Salesforce: records by the REST API, in bulk, and events as they happen.

Belongs here: the three types, and what they share (:mod:`.login`, :mod:`.objects`).
"""

from platform_assets.connectors.kinds.salesforce.bulk import BulkStream, SalesforceBulkReader
from platform_assets.connectors.kinds.salesforce.events import (
    EventsConfig,
    EventsStream,
    SalesforceEventsReader,
)
from platform_assets.connectors.kinds.salesforce.login import SalesforceConfig
from platform_assets.connectors.kinds.salesforce.rest import RestStream, SalesforceReader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity

TYPES = (
    ConnectorType(
        name="salesforce",
        title="Salesforce: records of objects (REST API)",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=SalesforceConfig,
        open=SalesforceReader,
        stream=RestStream,
        loose=True,
    ),
    ConnectorType(
        name="salesforce_bulk",
        title="Salesforce: records of large objects (Bulk API 2.0)",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=SalesforceConfig,
        open=SalesforceBulkReader,
        stream=BulkStream,
        loose=True,
    ),
    ConnectorType(
        name="salesforce_events",
        title="Salesforce: platform events and changes as they happen (Pub/Sub API)",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=EventsConfig,
        open=SalesforceEventsReader,
        stream=EventsStream,
        loose=True,
        live=True,
    ),
)
