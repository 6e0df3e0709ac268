"""``weir sources files``: the files that went, or go, straight to bronze."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from platform_assets.cli.sources_found import source_states
from platform_assets.cli.sources_tables import FILES
from platform_assets.cli.tables import AsCsv, AsJson, check_formats
from platform_assets.core.errors import WeirError


def files(
    name: Annotated[str, typer.Argument(help="Only this source.")] = "",
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those not taken whole.")] = False,
    give_up: Annotated[
        str,
        typer.Option(
            metavar="TOPIC/NUMBER",
            help="Take no more of this file; what was taken stays. Cannot be undone: to read it "
            "again, reset the source.",
        ),
    ] = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Bulk files: those over their stream's `bulk_over`, how far they are, and why one waits.

    Examples:
      weir sources files --waiting
      weir sources files --give-up shop.slips/3
    """
    from platform_assets.connectors.seam.bulk import BulkFiles
    from platform_assets.core.naming import TopicName
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.bulk_ledger import BulkLedger

    check_formats(as_json, as_csv)
    settings = get_settings()
    with closing(BulkFiles(settings)) as handed_over:
        if give_up:
            topic, _, number = give_up.rpartition("/")
            found = handed_over.give_up(topic, int(number)) if number.isdecimal() else None
            if found is None:
                raise WeirError(
                    f"no bulk file {give_up} that is not taken whole", "see: weir sources files"
                )
            with source_states() as states:
                states.note(found.source, "give up", f"{found.name}, bulk file {give_up}")
            typer.echo(f"{found.name} of {found.source}: no more of it is taken")
            return
        ledger = BulkLedger(settings)
        rows = [
            {
                **asdict(one),
                "records": ledger.progress(TopicName.parse(one.topic), one.partition)[0] - 1,
            }
            for one in handed_over.files(name, waiting=waiting)
        ]
    FILES.show(rows, as_json=as_json, as_csv=as_csv)
