"""The shop's table of orders, read by change data capture: every state, in current and history."""

from __future__ import annotations

from pathlib import Path

from platform_assets.connectors.kinds.cdc.undo import drop_source
from platform_assets.core.settings import Settings
from tests.connectors.outside_world import world

CHANGES = 60


def test_every_change_of_the_table_is_an_event(stack: Settings, tmp_path: Path) -> None:
    with world(stack, ["cdc"], tmp_path) as made:
        source = made.sources["warehouse"]
        try:
            made.let_pass(CHANGES)
            made.read(warehouse=len({order.id for order in made.told}))
            made.let_pass(CHANGES)
            made.read(warehouse=CHANGES)
            events = made.events("warehouse")
        finally:
            drop_source(made.settings, source)
        read = {one["after"]["order_id"]: one["after"]["status"] for one in events}
        assert read == {order.id: order.status for order in made.told}
        # The first ones are in the snapshot, which has the last state alone.
        states = [(one["after"]["order_id"], one["after"]["status"]) for one in events]
        assert states[-CHANGES:] == [(order.id, order.status) for order in made.told[CHANGES:]]
        assert {one["op"] for one in events[-CHANGES:]} == {"c", "u"}
