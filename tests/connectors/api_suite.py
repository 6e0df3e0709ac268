"""What tests of all connectors over HTTP share: the suite of behaviour, what a preset is.

Belongs here: checks that hold for each of them. Does not belong here: servers (``api_peer``).
"""

from __future__ import annotations

from typing import Any

import pytest

from platform_assets.connectors.seam.types import connector_type
from platform_assets.core.settings import Settings
from tests.connectors.api_peer import Api, Source, loopback
from tests.connectors.behaviour import Behaviour
from tests.connectors.odata_peer import Service


class Rows:
    """The peer of the suite: the rows of a server, read by a connector.

    Args:
        connector: the type.
        server: that holds the rows.
        options: of the stream.
        path: below the server's address.
    """

    stream = "rows"

    def __init__(
        self, connector: str, server: Api | Service, options: dict[str, Any], path: str = ""
    ) -> None:
        self.connector, self.options = connector, options
        self.config: dict[str, Any] = {"base_url": f"{server.url}{path}", "attempts": 3}
        self.entry: dict[str, Any] = {}
        self.add, self.spoil = server.add, server.spoil


class HttpBehaviour(Behaviour):
    """The suite, with sources that may be on this machine."""

    @pytest.fixture
    def stack(self, stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
        return loopback(stack, monkeypatch)


def check_preset(name: str, options: dict[str, Any], most: int) -> None:
    """A preset is a type with so many entries of its own at most, and they fill in all of it."""
    kind = connector_type(name)
    own = set(kind.config.model_fields) - {"base_url", "token_url", "requests_per_second"}
    assert 0 < len(own) <= most
    made = kind.config.model_validate(dict.fromkeys(own, "abc"))
    reader = Source(name, made.model_dump(), options, networks="").reader()
    config = reader._config  # type: ignore[attr-defined]
    assert config.base_url.startswith("https://")
    filled = [config.base_url, *map(str, config.auth.model_dump().values())]
    assert not [one for one in filled if "{" in one and one != "{}"]
    reader.close()
