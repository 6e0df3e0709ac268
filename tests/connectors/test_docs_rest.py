"""The page on REST sources, followed to the letter, against a shop's API over real HTTP."""

from __future__ import annotations

import importlib
import json
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from typer.testing import CliRunner

import platform_assets.sources
from platform_assets.cli.app import build
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings, get_settings
from tests.connectors.scene import Scene
from tests.documents import fenced, saved
from tests.peer import Answer, Peer, Request

PAGE = REPOSITORY / "docs" / "how-to" / "rest-source.md"
NAME = f"web_orders_{uuid.uuid4().hex[:8]}"
"""Of the source, in the page ``web_orders``: a log may know the cursor of an earlier test."""
ORDERS: list[dict[str, Any]] = [
    {
        "number": 1000 + n,
        "total": "free" if n == 7 else f"{n}.99",
        "customer": {"city": "Ulm", "id": n},
        "updated_at": f"2026-03-01T10:{n // 60:02}:{n % 60:02}Z",
    }
    for n in range(1, 151)
]


def answer(request: Request) -> Answer:
    """Of the page's example."""
    if request.headers.get("authorization") != "Bearer t0ken":
        return Answer(401, {"error": "who?"})
    parts = urlsplit(request.path)
    assert parts.path == "/api/orders"
    query = dict(parse_qsl(parts.query))
    found = [one for one in ORDERS if one["updated_at"] > query["updated_after"]]
    size, number = int(query["per_page"]), int(query["page"])
    page = found[(number - 1) * size : number * size]
    return Answer(body={"orders": page, "pages": -(-len(found) // size)})


@pytest.fixture
def api() -> Iterator[Peer]:
    with Peer(answer).serving() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, api: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the page says to save; the API's address is that of the peer."""
    for name in saved(PAGE):
        (text,) = [one for one in fenced(PAGE, "yaml") if name in one.splitlines()[0]]
        path = tmp_path / name.replace("web_orders", NAME)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("https://shop.example", api.url).replace("web_orders", NAME))
    roots = [*platform_assets.sources.__path__, str(tmp_path / "sources")]
    monkeypatch.setattr(platform_assets.sources, "__path__", roots)
    load_contracts.cache_clear()
    importlib.invalidate_caches()
    yield tmp_path / "sources" / NAME
    monkeypatch.undo()
    load_contracts.cache_clear()


@pytest.fixture
def local(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("WEIR_SOURCE_NETWORKS", "127.0.0.0/8")
    get_settings.cache_clear()
    yield get_settings()
    monkeypatch.undo()
    get_settings.cache_clear()


def weir(line: str, code: int = 0) -> Any:
    arguments = [*shlex.split(line.replace("web_orders", NAME))[1:], "--json"]
    result = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_a_rest_source_is_added_as_its_page_says(
    local: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, api: Peer
) -> None:
    (block,) = fenced(PAGE, "sh")
    token, check, discover, preview, read, restart = block.splitlines()
    assert token == "export WEB_ORDERS_TOKEN=..."
    assert restart == "weir restart dagster-code"
    monkeypatch.setenv("WEB_ORDERS_TOKEN", "wrong")
    (row,) = weir(check, code=1)
    assert "answers 401" in row["found"]
    monkeypatch.setenv("WEB_ORDERS_TOKEN", "t0ken")
    (row,) = weir(check)
    assert "the first page of orders has 100 records" in row["found"]
    columns = {one["column"]: one["logical_type"] for one in weir(discover)}
    assert columns["number"] == "integer"
    shown = weir(preview)
    assert len(shown) == 10
    assert [one["why"] is None for one in shown] == [n != 6 for n in range(10)]
    (outcome,) = weir(read)
    assert (outcome["records"], outcome["dead_letters"], outcome["error"]) == (149, 1, None)
    asked = dict(parse_qsl(urlsplit(api.requests[-1].path).query))
    assert asked == {"updated_after": "2026-01-01T00:00:00Z", "page": "2", "per_page": "100"}
    (outcome,) = weir(read)
    assert (outcome["records"], outcome["error"]) == (0, None)
    asked = dict(parse_qsl(urlsplit(api.requests[-1].path).query))
    assert asked["updated_after"] == "2026-03-01T10:02:30Z"
    # The scene reads one of the topic's partitions.
    rows = Scene(local, NAME, TopicName("shop", NAME)).rows()
    assert len(rows) > 20
    for row in rows:
        assert row == {
            "number": row["number"], "total": row["number"] - 1000 + 0.99, "city": "Ulm"
        }  # fmt: skip
