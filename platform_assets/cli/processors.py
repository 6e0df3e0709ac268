"""``weir processors``: run a processor as a job of Spark or Flink instead of on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.core.stopping import stopping

if TYPE_CHECKING:
    from platform_assets.processors.model import Definition
    from platform_assets.processors.scaled.program import Program

FUNCTIONS = "ml.text.functions:text_functions"

processors = typer.Typer(
    help="Processors of single events on a cluster.",
    no_args_is_help=True,
    epilog="Examples:  weir processors run feedback --engine flink  |  "
    "weir processors run feedback --engine spark --once",
)


class Engine(StrEnum):
    """Who runs a processor's function."""

    SPARK = "spark"
    FLINK = "flink"


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(processors, name="processors")


@processors.callback()
def _group() -> None:
    """Processors of single events on a cluster."""


@processors.command()
def run(
    name: Annotated[str, typer.Argument(help="The processor: feedback.")],
    engine: Annotated[Engine, typer.Option(help="Who runs its function.")],
    once: Annotated[
        bool, typer.Option("--once", help="End when all that is there now is processed.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Of Flink; Spark takes as many as its session has.")
    ] = 1,
) -> None:
    """Run a processor as a job, and store its results: weir processors run feedback --engine flink.

    Ctrl-C ends it; the next time it goes on where it was. Switch off the run of the same name in
    Dagster first: two make every result twice, and the second is dropped.
    """
    from platform_assets.contracts.load import load_contracts
    from platform_assets.processors.scaled.program import program

    definition = _definition(name)
    settings = get_settings()
    made = program(settings, definition, load_contracts(), FUNCTIONS)
    with stopping() as stop, _stored(settings, definition):
        typer.echo(f"{name} runs on {engine.value}; Ctrl-C ends it")
        ended = (_on_flink if engine is Engine.FLINK else _on_spark)(made, stop, once, workers)
    typer.echo(f"{name}: {'all that was there is processed' if ended else 'ended'}")


def _definition(name: str) -> Definition:
    from platform_assets.processors.model import PROCESSORS

    for one in PROCESSORS:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in PROCESSORS)
    raise WeirError(f"no processor {name!r}", f"there is: {known}")


@contextmanager
def _stored(settings: Settings, definition: Definition) -> Iterator[None]:
    """Takes results into the hot path meanwhile."""
    from ml.text.functions import text_functions
    from platform_assets.contracts.load import load_contracts
    from platform_assets.processors.run import ProcessorRun

    functions = text_functions(settings)
    run = ProcessorRun(settings, definition, functions, load_contracts(), only_stores=True)
    failed: list[Exception] = []

    def work() -> None:
        try:
            for _ in run.steps():
                pass
        except Exception as error:  # noqa: BLE001 - told below, in the shell's thread
            failed.append(error)

    thread = threading.Thread(target=work, name="hot path")
    thread.start()
    try:
        yield
    finally:
        run.stop()
        thread.join()
    if failed:
        raise failed[0]


def _on_flink(program: Program, stop: threading.Event, once: bool, workers: int) -> bool:
    """Until it has ended or is stopped; whether it came to its end."""
    from platform_assets.processors.scaled import flink

    process = flink.start(program, until_end=once, parallelism=workers)
    try:
        while process.poll() is None and not stop.wait(0.2):
            pass
    finally:
        code = process.poll()
        flink.stop(process)
    if code not in (None, 0):
        raise WeirError(
            f"Flink's job of {program.definition.name} ended with status {code}",
            f"see {flink.log_of(program.settings, program.definition.name)}",
        )
    return code == 0


def _on_spark(program: Program, stop: threading.Event, once: bool, _workers: int) -> bool:
    from platform_assets.engines.spark.session import open_session, release
    from platform_assets.processors.scaled import spark_job

    settings = program.settings
    session, own = open_session(settings)
    try:
        checkpoint = settings.home / "processors" / program.definition.name / "spark"
        query = spark_job.start(session, program, str(checkpoint), until_end=once)
        try:
            while query.isActive and not stop.wait(0.2):
                pass
            if (error := query.exception()) is not None:
                raise WeirError(
                    f"Spark's job of {program.definition.name} failed: {str(error)[:500]}",
                    "the next run goes on from its checkpoint",
                )
            return not query.isActive
        finally:
            query.stop()
    finally:
        if own:
            release(session)
