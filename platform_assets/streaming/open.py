"""Opens a processor with all that it needs, for one replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from platform_assets.core.settings import Settings
from platform_assets.engines import open_engine
from platform_assets.engines.base import Engine
from platform_assets.streaming.dead_letters import DeadLetters
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.microbatch import Processor
from platform_assets.streaming.plan import Broker
from platform_assets.streaming.windows import Windows


@contextmanager
def open_processor(
    settings: Settings, run_id: str, open_engine: Callable[[Settings], Engine] = open_engine
) -> Iterator[Processor]:
    """A processor whose engine is closed at the end.

    Args:
        settings: profile.
        run_id: who publishes, for the ledger.
        open_engine: makes the engine.
    """
    engine = open_engine(settings)
    try:
        yield Processor(
            settings,
            engine,
            Ledger(settings),
            Windows(settings),
            DeadLetters(settings),
            Broker(settings),
            run_id,
        )
    finally:
        engine.close()
