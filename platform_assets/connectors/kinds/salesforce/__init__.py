"""Salesforce: records by the REST API, in bulk, and events as they happen.

Belongs here: the three types, and what they share (:mod:`.login`, :mod:`.objects`).
"""

from platform_assets.connectors.kinds.salesforce.config import (
    BulkStream,
    EventsConfig,
    EventsStream,
    RestStream,
)
from platform_assets.connectors.kinds.salesforce.login import SalesforceConfig
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _open_records(config: SalesforceConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.salesforce.rest import SalesforceReader

    return SalesforceReader(config, context)


def _open_bulk(config: SalesforceConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.salesforce.bulk import SalesforceBulkReader

    return SalesforceBulkReader(config, context)


def _open_events(config: EventsConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.salesforce.events import SalesforceEventsReader

    return SalesforceEventsReader(config, context)


TYPES = (
    ConnectorType(
        name="salesforce",
        title="Salesforce: records of objects (REST API)",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=SalesforceConfig,
        open=_open_records,
        stream=RestStream,
        loose=True,
    ),
    ConnectorType(
        name="salesforce_bulk",
        title="Salesforce: records of large objects (Bulk API 2.0)",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=SalesforceConfig,
        open=_open_bulk,
        stream=BulkStream,
        loose=True,
    ),
    ConnectorType(
        name="salesforce_events",
        title="Salesforce: platform events and changes as they happen (Pub/Sub API)",
        kind=Kind.BUSINESS,
        maturity=Maturity.EMULATOR,
        config=EventsConfig,
        open=_open_events,
        stream=EventsStream,
        loose=True,
        live=True,
    ),
)
