"""The script that makes charts live: Vega, Vega-Lite and Vega-Embed in one file."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from platform_assets.core.files import write_file
from platform_assets.core.settings import Settings

# The interpreter (`ast`) evaluates Vega's expressions without `eval`, as the pages' policy asks.
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@lru_cache(maxsize=4)
def bundle(settings: Settings) -> Path:
    """The script's file, written on first use from what vl-convert carries: nothing is fetched."""
    path = settings.home / "portal" / f"vega-{version('vl-convert-python')}.js"
    if not path.is_file():
        import vl_convert

        write_file(path, vl_convert.javascript_bundle(_SNIPPET))
    return path
