"""``weir sources letters``: rows that could not be mapped: list, look at, send again."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.sources_found import NameArgument, fed_topics, source_named
from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats, json_text

if TYPE_CHECKING:
    from platform_assets.connectors.operate.letters import Letter

letters = typer.Typer(
    help="Dead letters of a source: list them, look at one, send them again after a fix.",
    no_args_is_help=True,
    epilog="Examples:  weir sources letters list shop  |  "
    "weir sources letters replay shop --dry-run",
)

LETTERS = Layout(
    "sources letters list",
    (
        Column("id", show=lambda row: row["id"][:10]),
        Column("stream", fold=True, spare=2),
        Column("at (UTC)", "at", lambda row: f"{row['at']:%m-%d %H:%M:%S}", spare=1),
        Column("replayed", show=lambda row: "yes" if row["replayed_at"] else "", spare=3),
        Column("reason", fold=True),
    ),
)
REPLAYED = Layout(
    "sources letters replay",
    (
        Column("id", show=lambda row: row["id"][:10]),
        Column("stream", fold=True, spare=1),
        Column("still refused because", "why", fold=True),
    ),
)


@letters.command("list")
def list_letters(
    name: NameArgument,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    replayed: Annotated[
        bool, typer.Option("--replayed", help="With those that were sent again, too.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Rows of a source that could not be mapped, newest last."""
    from platform_assets.connectors.operate.letters import letters as all_letters
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    wanted = (
        one
        for one in all_letters(get_settings(), name, fed_topics(name))
        if replayed or one.replayed_at is None
    )
    rows = [_row(one) for one in deque(wanted, maxlen=limit)]
    if not (rows or as_json or as_csv):
        typer.echo(f"{name} has no dead letters")
        return
    LETTERS.show(rows, as_json=as_json, as_csv=as_csv)


@letters.command("show")
def show_letter(
    name: NameArgument,
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Or how it begins.")],
) -> None:
    """One letter whole: why it was refused, and what stood there. JSON.

    Example:
      weir sources letters show shop 3f2b7c1e8a
    """
    from platform_assets.connectors.operate.letters import find
    from platform_assets.core.settings import get_settings

    letter = find(get_settings(), name, fed_topics(name), wanted)
    try:
        raw: Any = json.loads(letter.raw)
    except ValueError:
        raw = letter.raw.decode(errors="backslashreplace")
    typer.echo(json_text({**_row(letter), "raw": raw}))


@letters.command("replay")
def replay_letters(
    name: NameArgument,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="Only this one; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show which could be sent.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Map dead letters as the source would be mapped now, and send those that fit.

    Fix the mapping in defs.yaml or the contract first. What is sent is marked, and not sent
    again. The sources run uses the new mapping after `weir restart dagster-code`.
    """
    from platform_assets.connectors.operate.letters import replay
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    source = source_named(name)
    found = list(replay(get_settings(), source, ids=ids or (), dry_run=dry_run))
    left = [one for one in found if one.why is not None]
    rows = [
        {"id": one.letter.id, "stream": one.letter.stream, "why": one.why}
        for one in (found if as_json or as_csv else left)
    ]
    if rows or as_json or as_csv:
        REPLAYED.show(rows, as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        verb = "would be sent" if dry_run else "sent"
        typer.echo(f"{name}: {len(found) - len(left)} of {len(found)} dead letters {verb}")


def _row(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "stream": letter.stream,
        "topic": letter.topic,
        "place": letter.place,
        "at": letter.at,
        "size": letter.size,
        "replayed_at": letter.replayed_at,
        "reason": letter.reason,
    }
