"""A small OData service over real HTTP: an entity set in pages, filters, delta links, tombstones.

Belongs here: the server that tests of the connector ``odata`` ask. Does not belong here: any test.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.connectors.api_peer import SIZE, Server
from tests.peer import Answer, Request

_PROPERTIES = {
    "4": '<Property Name="id" Type="Edm.String" Nullable="false"/>'
         '<Property Name="city" Type="Edm.String"/><Property Name="seq" Type="Edm.Int64"/>'
         '<Property Name="changed" Type="Edm.DateTimeOffset"/>',
    "2": '<Property Name="id" Type="Edm.String" Nullable="false"/>'
         '<Property Name="city" Type="Edm.String"/><Property Name="seq" Type="Edm.Int64"/>'
         '<Property Name="changed" Type="Edm.DateTime"/>',
}  # fmt: skip
METADATA = """<?xml version="1.0"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Shop">
<EntityType Name="Base" Abstract="true"><Key><PropertyRef Name="id"/></Key></EntityType>
<EntityType Name="Row" BaseType="Shop.Base">{properties}
<NavigationProperty Name="parts" Type="Collection(Shop.Part)"/></EntityType>
<EntityType Name="Part"><Key><PropertyRef Name="row"/><PropertyRef Name="no"/></Key>
<Property Name="row" Type="Edm.String"/><Property Name="no" Type="Edm.Int32"/></EntityType>
<EntityContainer Name="All"><EntitySet Name="Rows" EntityType="Shop.Row"/>
<EntitySet Name="Parts" EntityType="Shop.Part"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""


class Service(Server):
    """Rows ``{id, city, seq, changed}``; ``seq`` grows with each change.

    Attributes:
        version: of OData.
        changes: id -> row, or None where it was deleted; in the order of the changes.
    """

    def __init__(self, version: str = "4") -> None:
        super().__init__()
        self.version = version
        self.changes: list[tuple[int, Any, dict[str, Any] | None]] = []
        self.url = f"{self.peer.url}/svc"

    @property
    def queries(self) -> list[dict[str, str]]:
        paths = [urlsplit(one.path) for one in self.requests]
        return [dict(parse_qsl(one.query)) for one in paths if not one.path.endswith("$metadata")]

    def add(self, ids: range, city: str = "Ulm") -> None:
        for n in ids:
            self.put(str(n), city)

    def spoil(self, number: int) -> None:
        self.put(f"{number}x", "Ulm")

    def put(self, name: str, city: str) -> None:
        seq = len(self.changes) + 1
        changed = f"2026-03-01T12:{seq // 60:02}:{seq % 60:02}Z"
        row = {"id": name, "city": city, "seq": seq, "changed": changed}
        self.changes.append((seq, name, row))

    def drop(self, name: str) -> None:
        self.changes.append((len(self.changes) + 1, name, None))

    def served(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        if parts.path.endswith("/$metadata"):
            text = METADATA.format(properties=_PROPERTIES[self.version])
            return Answer(body=text.encode(), headers={"Content-Type": "application/xml"})
        query = dict(parse_qsl(parts.query))
        since = int(query.get("$deltatoken", 0))
        condition = query.get("$filter", "")
        if found := re.search(r"seq gt (\d+)", condition):
            since = int(found[1])
        if found := re.search(r"changed g([te]) (?:datetime')?([0-9T:-]+)", condition):
            limit = f"{found[2]}Z"
            hits = [s for s, _, row in self.changes if row and row["changed"] < limit]
            hits += [s for s, _, row in self.changes if row and row["changed"] == limit][
                : 1 if found[1] == "t" else 0
            ]
            since = max(hits, default=0)
        latest = {name: (seq, row) for seq, name, row in self.changes if seq > since}
        if "$deltatoken" not in query:
            latest = {name: one for name, one in latest.items() if one[1] is not None}
        items = sorted((seq, name, row) for name, (seq, row) in latest.items())
        start = int(query.get("$skiptoken", 0))
        page = items[start : start + SIZE]
        kept = "&".join(f"{k}={v}" for k, v in query.items() if k in ("$filter", "$deltatoken"))
        links: dict[str, str] = {}
        if start + SIZE < len(items):
            links["next"] = f"Rows?$skiptoken={start + SIZE}{'&' + kept if kept else ''}"
        elif "track-changes" in request.headers.get("prefer", ""):
            links["delta"] = f"{self.url}/Rows?$deltatoken={len(self.changes)}"
        if self.version == "2":
            return self._two(page, links)
        value = [
            {"@odata.etag": "W/1", "parts@odata.navigationLink": "x", **row}
            if row
            else {"@odata.context": "#Rows/$deletedEntity", "id": f"Rows('{name}')", "reason": "x"}
            for _, name, row in page
        ]
        named = {f"@odata.{name}Link": link for name, link in links.items()}
        return Answer(
            body={"@odata.context": f"{self.url}/$metadata#Rows", "value": value, **named}
        )

    def _two(self, page: list[Any], links: dict[str, str]) -> Answer:
        results = []
        for _, name, row in page:
            when = int(row["changed"][14:16]) * 60 + int(row["changed"][17:19])
            results.append(
                {
                    "__metadata": {"uri": f"{self.url}/Rows('{name}')", "type": "Shop.Row"},
                    **row,
                    "seq": str(row["seq"]),
                    "changed": f"/Date({(1772366400 + when) * 1000})/",
                    "parts": {"__deferred": {"uri": "x"}},
                }
            )
        return Answer(body={"d": {"results": results, **{f"__{k}": v for k, v in links.items()}}})
