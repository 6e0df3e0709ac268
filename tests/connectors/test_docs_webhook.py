"""The page on webhook sources, followed to the letter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from platform_assets import sources
from platform_assets.connectors.kinds.webhook.receiver import receiver_of
from platform_assets.connectors.kinds.webhook.signatures import Scheme
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.wait import wait_until
from tests.connectors.reading import Running
from tests.connectors.scene import Scene
from tests.documents import fenced, saved

PAGE = REPOSITORY / "docs" / "how-to" / "webhook-source.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the page says to save, in a root of source folders beside the project's."""
    blocks = [*fenced(PAGE, "yaml"), *fenced(PAGE, "python")]
    for name in saved(PAGE):
        (text,) = [block for block in blocks if name in block.splitlines()[0]]
        path = tmp_path / name.removeprefix("platform_assets/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path / "sources")])
    monkeypatch.setenv("TRACKER_HOOK_SECRET", "a secret of GitHub's")
    load_contracts.cache_clear()
    yield tmp_path
    load_contracts.cache_clear()


def test_the_page_leads_to_a_row(stack: Settings, folder: Path) -> None:
    source = load_sources()["tracker"]
    scene = Scene(stack, "tracker", TopicName("tracker", "issues"))
    before = len(scene.rows()) if _topic_is_there(scene) else 0
    checked = open_reader(stack, source).check()
    address = checked.rpartition(" ")[2]
    assert address.endswith("/hooks/tracker/issues")
    running = Running(scene)

    def sent() -> str:
        command = [sys.executable, str(folder / "send.py"), address, "a secret of GitHub's"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        return done.stdout

    try:
        told = wait_until(sent, what="the source is read", timeout=30)
    finally:
        running.stop()
        receiver_of(stack).close()
    assert told == '200 {"result":"accepted"}\n'
    assert told.strip() in PAGE.read_text()
    (row,) = scene.rows()[before:]
    assert row == {"event": "issues", "action": "opened", "number": 7, "sender": "ada"}


def _topic_is_there(scene: Scene) -> bool:
    from platform_assets.connectors.kafka import admin, metadata

    client = admin(scene.settings)
    return str(scene.topic) in metadata(client, scene.settings).topics


def test_the_scheme_of_one_s_own_is_one() -> None:
    (text,) = [block for block in fenced(PAGE, "yaml") if "scheme: custom" in block]
    assert Scheme.model_validate(yaml.safe_load(text)["config"]["custom"])
