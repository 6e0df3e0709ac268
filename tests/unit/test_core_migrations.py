"""Every room's revisions are one line without gaps, and no other SQL makes tables."""

import importlib
import re

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from platform_assets.core.migrations import Revisions
from platform_assets.core.settings import REPOSITORY

FOLDERS = sorted(
    path.parent
    for room in ("platform_assets", "ml", "reports", "sensors")
    for path in (REPOSITORY / room).rglob("revisions/__init__.py")
)


def owner(folder: object) -> Revisions:
    module = ".".join(folder.relative_to(REPOSITORY).parts)  # type: ignore[attr-defined]
    found = importlib.import_module(module).REVISIONS
    assert isinstance(found, Revisions)
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_revisions_are_one_line_in_the_order_of_their_names(folder: object) -> None:
    revisions = owner(folder)
    assert revisions.folder == folder
    config = Config()
    config.set_main_option(
        "script_location", str(REPOSITORY / "platform_assets" / "core" / "migrations")
    )
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "newline")
    line = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(line)) == revisions.names
    assert revisions.names == tuple(f"v{n:04}" for n in range(1, len(line) + 1))


def test_no_two_rooms_share_a_version_table() -> None:
    tables = [owner(folder).table for folder in FOLDERS]
    assert len(tables) == len(set(tables)) == 12


def test_tables_are_made_by_revisions_alone() -> None:
    makers = {
        str(path.relative_to(REPOSITORY))
        for room in ("platform_assets", "ml", "reports", "sensors")
        for path in (REPOSITORY / room).rglob("*.py")
        if re.search(r"create table if not exists \w+ \(", path.read_text(), re.IGNORECASE)
        # The tables of the made-up shop (`outside`) are somebody else's.
        and path.parent.name not in {"revisions", "outside"}
    }
    assert makers == set()
