"""One read of a source, as a person asks for it: its sums are kept like the sources run's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.pull import StreamOutcome, Told, pull
from platform_assets.connectors.seam.run import since
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.core.settings import Settings


def read_once(
    settings: Settings,
    source: SourceDefinition,
    streams: Sequence[str],
    stop: threading.Event,
    told: Told,
) -> list[StreamOutcome]:
    """Read a source until it has no more, or ``stop`` is set.

    Args:
        settings: where the servers are.
        source: what is read.
        streams: only these; all where empty.
        stop: ends the read after its page.
        told: called after each committed page.

    Raises:
        WeirError: see :func:`..seam.pull.pull`.
    """
    before: dict[str, StreamOutcome] = {}
    with closing(SourceStates(settings)) as states:

        def keep(outcome: StreamOutcome) -> None:
            # Page by page: what ends this process does not end what is known.
            states.add(source.name, since(outcome, before.get(outcome.stream)))
            before[outcome.stream] = replace(outcome, reasons=list(outcome.reasons))
            told(outcome)

        states.note(source.name, "read", ", ".join(streams))
        outcomes = pull(settings, source, streams=streams, stop=stop, told=keep)
        for outcome in outcomes:
            states.add(source.name, since(outcome, before.get(outcome.stream)))
    return outcomes
