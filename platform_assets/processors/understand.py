"""From texts to what was understood: the quick step for all, the costly one where it pays.

The one function of both layers: the processor calls it on records of the log, the agreement check
on rows of silver.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from platform_assets.processors.model import Entity, ProcessorError, Reading, TextFunctions

LONG_CHARACTERS = 500
"""A text of more gets the costly step."""
FLAGGED_INTENSITY = 0.8
"""So does one that is at least so strongly negative."""

_PROBE = "The parcel from Berlin came late."
"""A text that working functions can read: tells a text that cannot be read from a broken model."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text and whether its record calls it urgent."""

    text: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Understood:
    """What was found in a text.

    Attributes:
        reading: of the quick step.
        route: why the costly step was taken, or ``quick``.
        entities: of the costly step where it was taken, else of the quick one.
    """

    reading: Reading
    route: str
    entities: tuple[Entity, ...]

    @property
    def entities_json(self) -> str:
        """The entities as the contract has them."""
        return json.dumps([asdict(one) for one in self.entities], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that the functions refuse, and why."""

    reason: str


def route(text: Text, reading: Reading) -> str:
    """Why a text gets the costly step; ``quick``: it does not."""
    if text.urgent:
        return "urgent"
    if reading.sentiment == "negative" and (reading.intensity or 0.0) >= FLAGGED_INTENSITY:
        return "flagged"
    return "long" if len(text.text) > LONG_CHARACTERS else "quick"


def understand(functions: TextFunctions, texts: Sequence[Text]) -> list[Understood]:
    """What was found in each text, in order; raises what the functions raise."""
    readings = functions.read([one.text for one in texts])
    routes = [route(one, reading) for one, reading in zip(texts, readings, strict=True)]
    routed = [place for place, name in enumerate(routes) if name != "quick"]
    found: dict[int, tuple[Entity, ...]] = {}
    if routed:
        named = functions.entities([texts[place].text for place in routed])
        found = {place: tuple(one) for place, one in zip(routed, named, strict=True)}
    return [
        Understood(reading, routes[place], found.get(place, tuple(reading.entities)))
        for place, reading in enumerate(readings)
    ]


def understand_each(
    functions: TextFunctions, texts: Sequence[Text]
) -> list[Understood | Unreadable]:
    """As :func:`understand`; a text that the functions refuse stops no other.

    Raises:
        ProcessorError: the functions refuse every text.
    """
    if not texts:
        return []
    try:
        return list(understand(functions, texts))
    except ProcessorError:
        # The functions say themselves that no text is to blame.
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model raises of a text is the text's
        if len(texts) == 1:
            _require_working(functions, error)
            reason = f"{type(error).__name__}: {error}"
            return [Unreadable(" ".join(reason.split()))]
    middle = len(texts) // 2
    return [
        *understand_each(functions, texts[:middle]),
        *understand_each(functions, texts[middle:]),
    ]


def _require_working(functions: TextFunctions, cause: Exception) -> None:
    try:
        understand(functions, [Text(_PROBE, urgent=True)])
    except Exception as error:  # noqa: BLE001 - raised again, in words
        raise ProcessorError(
            f"the text functions {functions.version} do not work: {type(error).__name__}: {error}",
            "nothing was taken; see the models' versions, then start the processor again",
        ) from cause
