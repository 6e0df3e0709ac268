"""The sources that connect the lake to the outside world: their folders, written for this home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Final

from platform_assets import sources
from platform_assets.connectors.seam.definition import SourceDefinition, load_sources
from platform_assets.connectors.simulate.outside.parts import PARTS
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import outside
from platform_assets.local.servers import mqtt_broker

VARIABLE: Final = "WEIR_OUTSIDE"
"""Environment variable of the outside world's process: the kinds, separated by commas."""

_TEMPLATES = Path(__file__).parent / "sources"


def kinds_of(text: str) -> list[str]:
    """The kinds that a person named: ``all``, or some, with commas.

    Raises:
        WeirError: one is unknown; lists the known ones.
    """
    wanted = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if wanted == ["all"]:
        return list(PARTS)
    if unknown := [kind for kind in wanted if kind not in PARTS]:
        raise WeirError(
            f"--sources: no kind {unknown[0]!r}", f"kinds: all, or some of {', '.join(PARTS)}"
        )
    return wanted


def servers_of(settings: Settings, kinds: Sequence[str]) -> tuple[str, ...]:
    """The servers that the kinds need beside the others, the outside world's own among them."""
    return (outside.NAME, *(name for kind in kinds for name in PARTS[kind].servers(settings)))


def connected_sources(settings: Settings) -> dict[str, SourceDefinition]:
    """The sources that :func:`write_sources` wrote, by name.

    Raises:
        WeirError: one of them cannot be used.
    """
    found = load_sources()
    folder = settings.home / "outside"
    for one in found.broken:
        if one.path.is_relative_to(folder):
            one.refuse()
    return {name: one for name, one in found.items() if one.folder.is_relative_to(folder)}


def write_sources(settings: Settings, kinds: Sequence[str]) -> Mapping[str, str]:
    """Write the source folders of some kinds, with this home's addresses.

    Returns:
        Environment variables for whatever reads the sources: where they are, and their secrets.
    """
    folder = settings.home / "outside"
    for old in (folder, settings.home / "outside-exports"):
        shutil.rmtree(old, ignore_errors=True)
    values = {name: str(value) for name, value in settings.model_dump().items()}
    values["mqtt_port"] = str(mqtt_broker(settings).ports[0])
    for kind in kinds:
        for template in sorted((_TEMPLATES / kind).rglob("*.*")):
            path = folder / template.relative_to(_TEMPLATES / kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(template.read_text()).safe_substitute(values))
    # Last: where new sources go. What is in the first is written anew each time.
    others = os.environ.get(sources.VARIABLE) or str(Path(sources.__file__).parent)
    return {
        sources.VARIABLE: os.pathsep.join((str(folder), others)),
        VARIABLE: ",".join(kinds),
        "WEIR_OUTSIDE_DATABASE_FILE": str(settings.postgres_password_file),
        "WEIR_SOURCE_NETWORKS": LOOPBACK,
        # Known to all, as there is nothing to protect: that world is on loopback, and made up.
        "WEIR_OUTSIDE_TOKEN": "outside",
        "WEIR_OUTSIDE_HOOKS": "whsec_b3V0c2lkZS1vdXRzaWRlLW91dHNpZGU=",
    }
