"""The reference lists every connector type of the installation, as it is."""

from __future__ import annotations

from platform_assets.connectors.seam.types import connector_types
from platform_assets.core.settings import REPOSITORY
from tests.connectors.reference import BEGIN, END, PAGE, table


def test_the_reference_lists_every_type() -> None:
    _, _, rest = PAGE.read_text().partition(BEGIN)
    there, _, _ = rest.partition(END)
    lines, wanted = there.strip().splitlines(), table().strip().splitlines()
    assert lines == wanted, (
        "run `python -m tests.connectors.reference`; missing: "
        f"{[one for one in wanted if one not in lines]}, "
        f"stale: {[one for one in lines if one not in wanted]}"
    )


def test_readme_counts_no_more_types_than_there_are() -> None:
    assert "more than 60 types" in (REPOSITORY / "README.md").read_text()
    assert len(connector_types()) > 60
