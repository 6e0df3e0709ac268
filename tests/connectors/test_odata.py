"""The connector ``odata`` against a small service of either version, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from platform_assets.connectors.kinds.odata.metadata import entity_sets
from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.api_peer import Source, loopback, names
from tests.connectors.api_suite import HttpBehaviour, Rows
from tests.connectors.behaviour import FIELDS
from tests.connectors.odata_peer import METADATA, Service
from tests.connectors.scene import new_source
from tests.peer import Answer

PROVES = {"odata": Maturity.EMULATOR}

BY_SEQ = {"entity": "Rows", "cursor": "seq"}


@pytest.fixture
def service() -> Iterator[Service]:
    with Service().serving() as made:
        yield made


@pytest.fixture
def two() -> Iterator[Service]:
    with Service("2").serving() as made:
        yield made


def source(service: Service, options: dict[str, Any], **config: Any) -> Source:
    base = {"base_url": service.url, "version": service.version, "attempts": 2}
    return Source("odata", {**base, **config}, options)


def test_pages_are_followed_and_read_on_by_the_cursor(service: Service) -> None:
    service.add(range(1, 26))
    one = source(service, {**BY_SEQ, "filter": "city ne 'Bonn'", "select": ["id", "seq"]})
    assert one.ids(pages=1) == names(range(1, 11))
    assert one.ids() == names(range(11, 26))
    service.add(range(26, 29))
    assert one.rows()[0] == {
        "id": "26", "city": "Ulm", "seq": 26, "changed": "2026-03-01T12:00:26Z"
    }  # fmt: skip
    assert one.cursor == {"since": 28}
    assert service.queries[0]["$filter"] == "(city ne 'Bonn')"
    assert service.queries[-1] == {
        "$select": "id,seq", "$orderby": "seq asc", "$filter": "(city ne 'Bonn') and seq gt 25"
    }  # fmt: skip


@pytest.mark.parametrize("overlap", [0, 2])
def test_a_moment_is_written_as_its_version_has_it(
    service: Service, two: Service, overlap: int
) -> None:
    written = {
        ("4", 0): "changed gt 2026-03-01T12:00:05Z",
        ("4", 2): "changed ge 2026-03-01T12:00:03Z",
        ("2", 0): "changed gt datetime'2026-03-01T12:00:05'",
        ("2", 2): "changed ge datetime'2026-03-01T12:00:03'",
    }
    for peer in (service, two):
        peer.add(range(1, 6))
        one = source(peer, {"entity": "Rows", "cursor": "changed", "overlap_seconds": overlap})
        assert one.ids() == names(range(1, 6))
        peer.add(range(6, 8))
        assert one.ids() == names(range(3, 8) if overlap else range(6, 8))
        assert peer.queries[-1]["$filter"] == written[peer.version, overlap]


def test_version_2_is_read_as_plain_rows(two: Service) -> None:
    two.add(range(1, 13))
    rows = source(two, {"entity": "Rows"}).rows()
    assert len(rows) == 12
    assert rows[0] == {"id": "1", "city": "Ulm", "seq": "1", "changed": "2026-03-01T12:00:01Z"}


def test_delta_links_give_changes_and_deletions(service: Service) -> None:
    service.add(range(1, 14))
    one = source(service, {"entity": "Rows", "delta": True})
    first = one.rows()
    assert [row["id"] for row in first] == names(range(1, 14))
    assert {row["_delta"] for row in first[:10]} == {""}
    assert one.cursor == {"since": f"{service.url}/Rows?$deltatoken=13"}
    assert one.rows() == []
    service.put("3", "Bonn")
    service.drop("5")
    service.put("14", "Köln")
    before = one.cursor
    (page,) = one.pages()
    assert page.ops == ("u", "u", "d")
    mark = page.rows.to_pylist()[0]["_delta"]
    assert mark
    rows = page.rows.to_pylist()
    assert [(row["id"], row["city"]) for row in rows] == [
        ("3", "Bonn"),
        ("14", "Köln"),
        (None, None),
    ]
    assert page.before is not None
    before_, changed = page.before.to_pylist()[2], page.before.to_pylist()[0]
    read_at = before_.pop("_read_at")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(read_at)) < timedelta(minutes=5)
    assert before_ == {"id": "5", "_delta": mark}
    assert set(changed.values()) == {None}
    # Read again from the same place: the same events.
    after, one.cursor = one.cursor, before
    assert [page.rows.to_pylist()[0]["_delta"] for page in one.pages()] == [mark]
    assert one.cursor == after


@pytest.mark.parametrize(
    ("removed", "key"),
    [
        ({"@removed": {"reason": "deleted"}, "row": "a", "no": 1}, {"row": "a", "no": 1}),
        ({"@removed": {}, "@id": "Parts(row='it''s, a',no=2)"}, {"row": "it's, a", "no": 2}),
        (
            {"@odata.context": "x#Parts/$deletedEntity", "id": "http://x/Parts(row='a%2Fb',no=3)"},
            {"row": "a/b", "no": 3},
        ),
    ],
)
def test_the_key_of_a_deletion_is_found(
    service: Service, removed: dict[str, Any], key: dict[str, Any]
) -> None:
    body = {"value": [removed], "@odata.deltaLink": "Parts?$deltatoken=2"}
    service.before = lambda r: None if "metadata" in r.path else Answer(body=body)
    (page,) = source(service, {"entity": "Parts", "delta": True}).pages()
    assert page.before is not None
    (found,) = page.before.to_pylist()
    assert found.pop("_read_at")
    assert found == {**key, "_delta": ""}


def test_a_delta_link_that_is_forgotten_means_everything_again(service: Service) -> None:
    service.add(range(1, 4))
    one = source(service, {"entity": "Rows", "delta": True})
    assert len(one.rows()) == 3
    service.before = lambda r: Answer(410, {"error": {}}) if "deltatoken" in r.path else None
    service.add(range(4, 15))
    rows = one.rows()
    assert [row["id"] for row in rows] == names(range(1, 15))
    # Under other ids than at first: states may be newer now.
    assert all(row["_delta"] for row in rows)


def test_an_entity_that_comes_again_on_a_later_page_is_another_event(service: Service) -> None:
    pages = {
        None: {"value": [{"id": "1", "city": "Ulm"}], "@odata.nextLink": "Rows?$skiptoken=1"},
        "1": {"value": [{"id": "1", "city": "Bonn"}], "@odata.deltaLink": "Rows?$deltatoken=1"},
    }
    service.before = lambda r: Answer(body=pages["1" if "skiptoken" in r.path else None])
    rows = source(service, {"entity": "Rows", "delta": True}).rows()
    assert [row["city"] for row in rows] == ["Ulm", "Bonn"]
    assert len({(row["id"], row["_delta"]) for row in rows}) == 2


def test_of_an_entity_that_a_page_tells_twice_the_last_state_is_kept(service: Service) -> None:
    gone = {"@odata.context": "#Rows/$deletedEntity", "id": "Rows('2')"}
    told = [
        {"id": "1", "city": "Ulm"}, {"id": "2", "city": "Ulm"}, {"id": "3", "city": "Ulm"},
        {"id": "1", "city": "Bonn"}, gone,
    ]  # fmt: skip
    body = {"value": told, "@odata.deltaLink": "Rows?$deltatoken=1"}
    service.before = lambda r: None if "$metadata" in r.path else Answer(body=body)
    (page,) = source(service, {"entity": "Rows", "delta": True}).pages()
    after = [(row["id"], row["city"]) for row in page.rows.to_pylist() if row["id"]]
    assert after == [("3", "Ulm"), ("1", "Bonn")]
    assert page.ops.count("d") == 1
    assert [row["id"] for row in page.before.to_pylist() if row["id"]] == ["2"]


def test_a_service_without_delta_links_is_named(service: Service) -> None:
    service.before = lambda r: None if "metadata" in r.path else Answer(body={"value": []})
    with pytest.raises(ConnectorError, match="does not track changes of this set"):
        source(service, {"entity": "Rows", "delta": True}).rows()


def test_unknown_sets_and_columns_are_named(service: Service) -> None:
    one = source(service, {"entity": "Rows", "cursor": "nothing", "start": 1})
    with pytest.raises(ConnectorError, match="no property 'nothing'; it has: id, city"):
        one.rows()
    one = source(service, {"entity": "Nothing", "cursor": "seq", "start": 1})
    with pytest.raises(ConnectorError, match="no entity set 'Nothing'; it has: Parts, Rows"):
        one.rows()


def test_check_and_discover_say_what_is_there(service: Service) -> None:
    reader = source(service, BY_SEQ).reader()
    assert "2 entity sets" in reader.check()
    rows, parts = reader.discover()
    assert (rows.name, rows.primary_key, rows.cursor_fields) == ("Rows", ("id",), ("changed",))
    assert rows.schema.names == ["id", "city", "seq", "changed"]
    assert parts.primary_key == ("row", "no")
    reader.close()


def test_metadata_that_is_hostile_or_none_is_refused() -> None:
    bomb = METADATA.replace(
        "<edmx:Edmx",
        '<!DOCTYPE x [<!ENTITY a "Rows"><!ENTITY f SYSTEM "file:///etc/passwd">]><edmx:Edmx',
    ).format(properties="&f;")
    found = entity_sets(bomb.encode(), "here")
    assert set(found) == {"Rows", "Parts"}
    assert "root" not in str(found)
    with pytest.raises(ConnectorError, match=r"here: \$metadata is no XML"):
        entity_sets(b"<html", "here")
    with pytest.raises(ConnectorError, match="names no entity set"):
        entity_sets(b"<html/>", "here")


class TestBehaviour(HttpBehaviour):
    @pytest.fixture
    def peer(self, service: Service) -> Rows:
        return Rows("odata", service, BY_SEQ)


class TestDeltas:
    """Changes and deletions in the log."""

    def test_a_deletion_is_an_event_with_what_was_before(
        self, stack: Settings, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.add(range(1, 4))
        settings = loopback(stack, monkeypatch)
        with new_source(
            settings, tmp_path, "odata", config={"base_url": service.url},
            options={"entity": "Rows", "delta": True}, fields=FIELDS, identity=["id", "_delta"],
        ) as scene:  # fmt: skip
            (outcome,) = pull(settings, scene.source)
            assert (outcome.records, outcome.error) == (3, None)
            service.put("2", "Bonn")
            service.drop("3")
            (outcome,) = pull(settings, scene.source)
            assert (outcome.records, outcome.dead_letters, outcome.error) == (2, 0, None)
            changed, gone = scene.events()[-2:]
        assert (changed["op"], changed["after"]) == ("u", {"id": 2, "city": "Bonn"})
        assert (gone["op"], gone["after"]) == ("d", None)
        assert gone["before"]["id"] == 3
        assert len({changed["event_id"], gone["event_id"]}) == 2
