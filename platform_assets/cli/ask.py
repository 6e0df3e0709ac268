"""``weir ask "..."``: a question in words, its statement, rows and sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import available_timezones

import typer

from platform_assets.cli.tables import (
    AsCsv,
    AsJson,
    Column,
    Layout,
    check_formats,
    json_text,
    people,
    unique,
)
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from platform_assets.core.trino import Result
    from reports.questions.answer import Answer

ASKED_BACK = 3
"""Exit status of a question that means two things."""
NOT_UNDERSTOOD = 4
"""Exit status of a question that nothing answers."""

_BAR = 24


def register(app: typer.Typer) -> None:
    """Add the command to ``weir``."""
    app.command("ask")(ask)


def ask(
    question: Annotated[str, typer.Argument(help="In English or German; or sql and a statement.")],
    as_of: Annotated[
        str, typer.Option(help="The moment that is now, ISO 8601; UTC without an offset.")
    ] = "",
    timezone: Annotated[str, typer.Option(help="Whose days and weeks count.")] = "UTC",
    session: Annotated[
        str, typer.Option(help="The conversation that a question goes on in.")
    ] = "last",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the statement; run nothing.")
    ] = False,
    facts: Annotated[
        bool, typer.Option("--facts", help="Also the SQL of each number and of its rows.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Ask in words: weir ask "Revenue by country last week against the week before".

    A question that means two things is asked back (exit status 3); one that is not understood is
    refused and names the word (4).
    """
    from platform_assets.core.settings import get_settings
    from reports.questions import conversation
    from reports.questions.ask import Asker, clock_of
    from reports.questions.outcomes import AmbiguousError, NotUnderstoodError

    check_formats(as_json, as_csv)
    settings = get_settings()
    if question.strip().lower().startswith("sql "):
        _statement(question.strip()[4:], as_json=as_json, as_csv=as_csv)
        return
    if timezone not in available_timezones():
        raise WeirError(f"{timezone!r} is no time zone", "an IANA name, e.g. Europe/London")
    clock = clock_of(_moment(as_of), timezone)
    asker = Asker(settings)
    try:
        turn = conversation.turn(asker, conversation.recall(settings, session), question, clock)
        if explain:
            answer = asker.explain(question, clock, turn.context)
        else:
            answer = asker.answer(question, clock, turn.context)
    except AmbiguousError as asked:
        _ended(asked, "asked", list(asked.choices), ASKED_BACK, as_json=as_json)
    except NotUnderstoodError as refusal:
        _ended(refusal, "refused", list(refusal.nearest), NOT_UNDERSTOOD, as_json=as_json)
    else:
        conversation.keep(settings, session, turn.questions)
        _show(answer, explain=explain, facts=facts, as_json=as_json, as_csv=as_csv)


def _ended(error: WeirError, how: str, choices: list[str], status: int, *, as_json: bool) -> None:
    if as_json:
        named = {"outcome": how, "message": error.message, "hint": error.hint, "choices": choices}
        typer.echo(json_text(named))
    else:
        typer.echo(f"weir: {error.message}", err=True)
        if error.hint:
            typer.echo(f"      {error.hint}", err=True)
        if how == "refused" and choices and error.hint and choices[0] not in error.hint:
            typer.echo(f"      nearest: {', '.join(choices)}", err=True)
    raise typer.Exit(status)


def _show(answer: Answer, *, explain: bool, facts: bool, as_json: bool, as_csv: bool) -> None:
    from reports.questions.document import document

    if as_json:
        typer.echo(json_text(document(answer)))
        return
    names = unique(answer.result.columns)
    rows = [dict(zip(names, row, strict=True)) for row in answer.result.rows]
    layout = _layout(answer)
    if as_csv:
        layout.show(rows, as_csv=True)
        return
    console = people()
    for sentence in answer.sentences:
        console.print(sentence.text, markup=False)
    console.print(f"Read as: {answer.interpretation}", style="dim", markup=False)
    for note in answer.notes:
        console.print(f"Note: {note}", style="dim", markup=False)
    if not explain:
        layout.show(rows)
        for part in answer.parts:
            console.print(part.title, style="bold", markup=False)
            shown = unique(part.result.columns)
            _plain(part.result).show(
                [dict(zip(shown, row, strict=True)) for row in part.result.rows]
            )
    console.print("Statement:", style="dim")
    typer.echo(answer.sql)
    if facts:
        for fact in answer.facts:
            console.print(f"{fact.id}", style="bold", markup=False)
            if fact.source is not None:
                typer.echo(f"{fact.source.sql}\n-- rows:\n{fact.source.rows_sql}")


def _layout(answer: Answer) -> Layout:
    """The table of an answer; bars beside a column that is worth a chart."""
    layout = _plain(answer.result)
    if not answer.chart:
        return Layout("ask", layout.columns)
    place = answer.result.columns.index(answer.chart)
    values = [row[place] for row in answer.result.rows]
    most = max((abs(float(value)) for value in values if value is not None), default=0.0)

    def bar(row: Any) -> str:
        value = row[answer.chart]
        if value is None or not most:
            return ""
        return "█" * max(1 if value else 0, round(_BAR * abs(float(value)) / most))

    return Layout("ask", (*layout.columns, Column(" ", key="_bar", show=bar, spare=1)))


def _plain(result: Result) -> Layout:
    from platform_assets.cli.sql import layout_of

    return layout_of(unique(result.columns), result.types)


def _statement(text: str, *, as_json: bool, as_csv: bool) -> None:
    from platform_assets.cli.sql import sql

    sql(text, as_json=as_json, as_csv=as_csv)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise WeirError(f"--as-of {text!r} is no moment", "write it as 2026-11-29T12:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
