"""The connector ``graphql`` against a real schema, executed by graphql-core, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import build_schema, graphql_sync

from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity
from tests.connectors.api_peer import Api, Source, names
from tests.connectors.api_suite import HttpBehaviour, Rows
from tests.peer import Answer, Request

PROVES = {"graphql": Maturity.EMULATOR}

SCHEMA = build_schema(
    """
    type Query { rows(first: Int!, after: String, since: Int): Rows! }
    type Rows { edges: [Edge!]! nodes: [Row!]! pageInfo: PageInfo! }
    type Edge { node: Row! }
    type Row { id: String! city: String seq: Int! }
    type PageInfo { hasNextPage: Boolean! endCursor: String }
    """
)
ASK = """
query Rows($first: Int!, $after: String, $since: Int) {
  rows(first: $first, after: $after, since: $since) {
    edges { node { id city seq } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
OPTIONS: dict[str, Any] = {
    "query": ASK,
    "records": "data.rows.edges[*].node",
    "size": 10,
    "incremental": {"field": "seq", "param": "since"},
}


class Graph(Api):
    """The rows as a connection."""

    def served(self, request: Request) -> Answer:
        asked = request.json()

        def rows(_: Any, first: int, after: str = "0", since: int = 0) -> dict[str, Any]:
            left = [row for row in self.rows if row["seq"] > max(int(after or 0), since or 0)]
            nodes = [{**row, "id": str(row["id"])} for row in left[:first]]
            more = len(left) > first
            return {
                "nodes": nodes,
                "edges": [{"node": node} for node in nodes],
                "pageInfo": {
                    "hasNextPage": more, "endCursor": str(nodes[-1]["seq"]) if nodes else None
                },
            }  # fmt: skip

        done = graphql_sync(
            SCHEMA, asked["query"], {"rows": rows}, variable_values=asked["variables"]
        )
        return Answer(body=done.formatted)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph().serving() as made:
        yield made


def source(graph: Graph, **more: Any) -> Source:
    return Source("graphql", {"base_url": f"{graph.url}/graphql"}, {**OPTIONS, **more})


def test_pages_are_followed_and_read_on_by_the_field(graph: Graph) -> None:
    graph.add(range(1, 26))
    one = source(graph)
    assert one.ids(pages=1) == names(range(1, 11))
    assert one.ids() == names(range(11, 26))
    graph.add(range(26, 29))
    assert one.ids() == names(range(26, 29))
    assert one.cursor == {"since": 28}
    assert graph.requests[-1].json()["variables"] == {"first": 10, "since": 25}


def test_nodes_without_edges_are_records_too(graph: Graph) -> None:
    graph.add(range(1, 13))
    query = ASK.replace("edges { node { id city seq } }", "nodes { id seq }")
    assert source(graph, query=query, records="data.rows.nodes").ids() == names(range(1, 13))


def test_a_query_that_does_not_fit_the_schema_is_told(graph: Graph) -> None:
    with pytest.raises(ConnectorError, match="Cannot query field 'town' on type 'Row'"):
        source(graph, query=ASK.replace("city", "town")).ids()
    query = ASK.replace("pageInfo { hasNextPage endCursor }", "")
    with pytest.raises(ConnectorError, match="no hasNextPage at"):
        source(graph, query=query).ids()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("THROTTLED", SourceAwayError),
        ("UNAUTHENTICATED", SourceRefusedError),
        ("INTERNAL", ConnectorError),
    ],
)
def test_errors_beside_data_are_no_data(graph: Graph, code: str, kind: type[Exception]) -> None:
    errors = [{"message": "it rains", "extensions": {"code": code}}]
    data = {"rows": {"edges": [{"node": {"id": "1"}}], "pageInfo": {"hasNextPage": False}}}
    graph.before = lambda _: Answer(body={"data": data, "errors": errors})
    with pytest.raises(kind, match="it rains") as raised:
        source(graph).ids()
    assert type(raised.value) is kind


def test_check_and_discover_say_what_is_there(graph: Graph) -> None:
    graph.add(range(1, 4))
    reader = source(graph).reader()
    assert "answers as Query" in reader.check()
    (stream,) = reader.discover()
    assert (stream.primary_key, stream.cursor_fields) == (("id",), ("seq",))
    reader.close()


class TestBehaviour(HttpBehaviour):
    @pytest.fixture
    def peer(self, graph: Graph) -> Rows:
        return Rows("graphql", graph, OPTIONS, "/graphql")
