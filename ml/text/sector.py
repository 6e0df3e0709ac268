"""The labels of a sector, from YAML: what texts are classified by."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_assets.core import yaml_lines
from platform_assets.core.errors import WeirError

SHIPPED = Path(__file__).parent / "sectors"
"""Sectors that come with Weir, by name."""
THRESHOLD = 0.5
FEWEST = 3
"""Examples that each label needs."""


class SectorError(WeirError):
    """A sector that texts cannot be classified by; names the file and what is wrong."""


@dataclass(frozen=True)
class Sector:
    """What texts of a sector are about.

    Attributes:
        name: its name.
        examples: label -> texts of it, in any language.
        threshold: probability below which a text is ``unknown``.
        digest: of the examples and the threshold, 8 hexadecimal digits.
    """

    name: str
    examples: Mapping[str, tuple[str, ...]]
    threshold: float
    digest: str


def load_sector(name: str) -> Sector:
    """Read a sector.

    Args:
        name: of a shipped one, or the path of a YAML file with ``sector``, ``labels`` (label ->
            examples), and perhaps ``threshold`` and ``rows`` (a CSV beside it with ``text`` and
            ``label``).

    Raises:
        SectorError: there is no such sector, or it lacks something.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SHIPPED / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.yaml")))
        raise SectorError(
            f"sector {path}: there is no such file",
            f"set WEIR_TEXT_SECTOR to a YAML file or to one of {known}",
        )
    content = yaml_lines.read(path, SectorError, "sector").data
    labels = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(labels, dict) or len(labels) < 2:
        raise SectorError(f"sector {path}: expected two or more `labels`", "each with its examples")
    examples = {str(label): list(_texts(path, str(label), some)) for label, some in labels.items()}
    for text, label in _rows(path, content.get("rows")):
        if label not in examples:
            raise SectorError(
                f"sector {path}: rows have label {label!r}", f"one of {', '.join(examples)}"
            )
        examples[label].append(text)
    for label, some in examples.items():
        if len(set(some)) < FEWEST:
            raise SectorError(
                f"sector {path}: label {label!r} has {len(set(some))} examples",
                f"give at least {FEWEST}",
            )
    threshold = content.get("threshold", THRESHOLD)
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise SectorError(f"sector {path}: threshold {threshold!r}", "give a number from 0 to 1")
    unique = {label: tuple(dict.fromkeys(some)) for label, some in examples.items()}
    digest = hashlib.sha256(repr((sorted(unique.items()), threshold)).encode()).hexdigest()[:8]
    return Sector(str(content.get("sector", path.stem)), unique, float(threshold), digest)


def _texts(path: Path, label: str, some: Any) -> Iterator[str]:
    if not isinstance(some, list) or not all(isinstance(one, str) and one.strip() for one in some):
        raise SectorError(f"sector {path}: label {label!r}", "its examples are a list of texts")
    yield from some


def _rows(path: Path, name: Any) -> Iterator[tuple[str, str]]:
    if name is None:
        return
    place = path.parent / str(name)
    try:
        with place.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield row["text"], row["label"]
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        raise SectorError(
            f"sector {path}: rows {place}: {error}", "a CSV with columns text and label"
        ) from error
