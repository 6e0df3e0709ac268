"""Which streams there are, and how many records each gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from platform_assets.connectors.simulate.clickstream import Clickstream, LiveClickstream
from platform_assets.connectors.simulate.customers import Customers
from platform_assets.connectors.simulate.feedback import Reviews, SupportTickets
from platform_assets.connectors.simulate.generic import Generic
from platform_assets.connectors.simulate.invoices import InvoiceLines
from platform_assets.connectors.simulate.sensors import MachineReadings, MeterReadings
from platform_assets.connectors.simulate.shift import Shift
from platform_assets.connectors.simulate.streams import Stream
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName

_STREAMS: dict[str, tuple[float, Callable[[], Stream]]] = {
    "commerce.clickstream": (0.66, Clickstream),
    "energy.meter_readings": (0.10, MeterReadings),
    "industry.machine_readings": (0.10, MachineReadings),
    "feedback.reviews": (0.04, Reviews),
    "retail.invoice_lines": (0.04, InvoiceLines),
    "commerce.customers": (0.03, Customers),
    "feedback.support_tickets": (0.03, SupportTickets),
}
"""Each simulated topic's share of all records; other topics only when asked for by name."""
_GENERIC_SHARE = 0.05

DEFAULT_TOPICS = tuple(_STREAMS)
SOURCE = "simulator"
"""Source of every simulated record, as its envelope says."""

SHIFTING = "commerce.clickstream"
"""The topic that a shift concerns."""


def contract_of(topic: str) -> Contract:
    """The contract of a topic given by name.

    Raises:
        WeirError: there is none; names those that are.
    """
    contracts = load_contracts()
    try:
        return contracts[TopicName.parse(topic)]
    except (KeyError, ValueError):
        known = ", ".join(map(str, contracts))
        raise WeirError(f"no contract for topic {topic!r}", f"topics: {known}") from None


def choose(
    topics: Sequence[str] | None, live: bool = False, shift: Shift | None = None
) -> list[tuple[Contract, Stream, float]]:
    """The contracts and streams of the named topics (default: all simulated ones).

    Raises:
        WeirError: no contract for a topic.
    """
    chosen: list[tuple[Contract, Stream, float]] = []
    for name in sorted(set(topics or DEFAULT_TOPICS)):
        contract = contract_of(name)
        share, stream = _STREAMS.get(name, (_GENERIC_SHARE, None))
        if stream is Clickstream:
            visits = LiveClickstream(shift) if live else Clickstream(shift)
            chosen.append((contract, visits, share))
            continue
        chosen.append((contract, stream() if stream else Generic(contract), share))
    total = sum(share for _, _, share in chosen)
    return [(contract, stream, share / total) for contract, stream, share in chosen]


def split(events: int, weights: Sequence[float]) -> list[int]:
    """``events`` by weight, exactly; what rounding leaves over goes to the heaviest."""
    parts = [int(events * weight) for weight in weights]
    parts[max(range(len(weights)), key=weights.__getitem__)] += events - sum(parts)
    return parts
