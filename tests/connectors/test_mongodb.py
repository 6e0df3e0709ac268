"""The connector ``mongodb`` against mongomock, which stands in for the client.

No server of MongoDB is a package, so the type claims no more than its configuration.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mongomock
import pymongo
import pytest
from bson import Decimal128, ObjectId
from pydantic import ValidationError

from platform_assets.connectors.kinds.mongodb.config import MongoConfig
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import open_reader, pull
from platform_assets.connectors.seam.reader import SourceAwayError
from platform_assets.core.settings import Settings
from tests.connectors.scene import Scene, new_source

EXACT = {"mongodb": True}

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIELDS = {"id": "string", "n": "integer", "city": "string", "total": "number"}
COLUMNS = {"id": "_id", "n": "n", "city": "address.city", "total": "total"}


def document(n: int, changed: datetime = NOON) -> dict[str, Any]:
    return {
        "_id": ObjectId(f"{n:024x}"), "n": n, "address": {"city": "Ulm"},
        "total": Decimal128("1.25"), "changed": changed, "tags": ["a"],
    }  # fmt: skip


def source(stack: Settings, folder: Path, **options: Any) -> Any:
    return new_source(
        stack, folder, "mongodb",
        config={"url": "mongodb://127.0.0.1:9", "database": "shop", "timeout_seconds": 1},
        options={"collection": "orders", "page_messages": 10, **options},
        fields=FIELDS, columns=COLUMNS, identity=["_id", "changed"], occurred_at="changed",
    )  # fmt: skip


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Any:
    client: Any = mongomock.MongoClient(tz_aware=True)
    monkeypatch.setattr(pymongo, "MongoClient", lambda *_, **__: client)
    return client["shop"]["orders"]


def numbers(made: Scene) -> list[int]:
    return [row["n"] for row in made.rows()]


def test_new_documents_come_once_by_their_id(stack: Settings, orders: Any, tmp_path: Path) -> None:
    with source(stack, tmp_path) as made:
        orders.insert_many([document(n) for n in range(1, 26)])
        (outcome,) = pull(stack, made.source)
        assert (outcome.records, outcome.pages, outcome.error) == (25, 3, None)
        assert made.rows()[0] == {"id": f"{1:024x}", "n": 1, "city": "Ulm", "total": 1.25}
        orders.insert_many([document(n) for n in range(26, 29)])
        (outcome,) = pull(stack, made.source)
        assert outcome.records == 3
        assert numbers(made) == list(range(1, 29))
        reader = open_reader(stack, made.source)
        assert "1 collections" in reader.check()
        (found,) = reader.discover()
        assert (found.name, found.schema.field("n").type) == ("orders", "int64")


def test_changed_documents_come_again_in_the_order_of_their_change(
    stack: Settings, orders: Any, tmp_path: Path
) -> None:
    with source(stack, tmp_path, cursor="changed") as made:
        orders.insert_many([document(n) for n in range(1, 26)])
        pull(stack, made.source)
        orders.update_one({"n": 3}, {"$set": {"changed": NOON + timedelta(minutes=1)}})
        orders.insert_one(document(26, NOON + timedelta(seconds=1)))
        (outcome,) = pull(stack, made.source)
        assert (outcome.records, outcome.error) == (2, None)
        assert numbers(made)[25:] == [26, 3]
        place = cursors.read(stack)[made.name, "rows"]["after"]
        assert place["id"] == {"$oid": f"{3:024x}"}
        orders.insert_one({"_id": 1, "n": 27})
        assert pull(stack, made.source)[0].records == 0


def test_a_server_that_is_away_and_an_address_with_a_password(
    stack: Settings, tmp_path: Path
) -> None:
    with source(stack, tmp_path) as made:
        reader = open_reader(stack, made.source)
        with pytest.raises(SourceAwayError, match="does not answer"):
            reader.check()
    with pytest.raises(ValidationError, match="without user and password"):
        MongoConfig(url="mongodb://me:secret@shop", database="shop")
