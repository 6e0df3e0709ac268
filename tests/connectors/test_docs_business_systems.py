"""The page on business systems: its sources are loaded, and rows go through their mappings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from platform_assets import sources
from platform_assets.connectors.idoc import rows_in
from platform_assets.connectors.operate.preview import preview
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.pull import contract_of, mapping_of
from platform_assets.connectors.seam.reader import Page
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import REPOSITORY, Settings
from tests.connectors.salesforce_peer import Org
from tests.connectors.test_idoc import order, packet
from tests.documents import fenced, saved

PAGE = REPOSITORY / "docs" / "how-to" / "business-systems.md"


@pytest.fixture
def org() -> Iterator[Org]:
    with Org().serving() as made:
        yield made


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, org: Org, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the page says to save; the org's address is that of the peer."""
    assert len(list(saved(PAGE))) == 4
    for name in saved(PAGE):
        (text,) = [one for one in fenced(PAGE, "yaml") if name in one.splitlines()[0]]
        path = tmp_path / name.removeprefix("platform_assets/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("https://acme.my.salesforce.com", org.url))
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path / "sources")])
    monkeypatch.setenv("CRM_SECRET", "s3cret")
    load_contracts.cache_clear()
    yield
    load_contracts.cache_clear()


def test_accounts_are_read_as_the_page_says(org: Org) -> None:
    org.put(1, "1", "Ulm", Name="Acme")
    settings = Settings(source_networks="127.0.0.0/8")
    ((row, why),) = preview(settings, load_sources()["crm"], "accounts")
    assert why is None
    assert (row["Name"], row["BillingCity"], row["AnnualRevenue"]) == ("Acme", "Ulm", 1.5)


def test_orders_are_mapped_as_the_page_says() -> None:
    source = load_sources()["erp"]
    stream = source.stream("orders")
    mapping = mapping_of(source, stream, contract_of(source, stream), 1)
    mapped = mapping.map(Page(pa.Table.from_pylist(rows_in(packet(order(7)))), None))
    assert (mapped.refused, len(mapped.values)) == ({}, 1)
    assert b"45000001" in mapped.values[0]
