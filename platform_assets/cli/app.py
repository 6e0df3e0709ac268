"""``weir``: the command line's shell."""

from __future__ import annotations

import importlib
import os
import sys

import typer

from platform_assets.core.errors import WeirError

COMMAND_MODULES = (
    "platform_assets.cli.servers",
    "platform_assets.cli.run",
    "platform_assets.cli.data",
    "platform_assets.cli.check",
    "platform_assets.cli.streams",
    "platform_assets.cli.connectors",
    "platform_assets.cli.sources",
    "platform_assets.cli.sql",
    "platform_assets.cli.ask",
    "platform_assets.cli.reports",
    "platform_assets.cli.deliveries",
    "platform_assets.cli.portal",
    "platform_assets.cli.processors",
    "platform_assets.cli.models",
    "platform_assets.cli.alerts",
    "platform_assets.cli.text",
)

_BEGIN_ANEW = ("run", "up")
"""Commands that start servers, with the environment that they are given themselves."""

_HELP = """A lakehouse that Dagster runs: live events in, governed tables out.

Examples:

  weir up                       start the local servers

  weir status                   address, version, memory and health of each

  weir run --once --json        simulate, materialise everything, report, stop

  weir sql "select count(*) from silver.commerce.clickstream"

  weir report weekly-commerce --period 2010-W50

  weir models list              versions of each model, and who is champion

  weir alerts list              incidents, and who looks after them

  weir logs kafka -f            follow one server's log

  weir down                     stop every process that was started
"""


def build() -> typer.Typer:
    """The application with every command registered."""
    app = typer.Typer(
        name="weir",
        help=_HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in COMMAND_MODULES:
        importlib.import_module(name).register(app)
    return app


def _root(context: typer.Context) -> None:
    """Before a command: the sources that a ``weir run --sources`` in another shell connected."""
    if context.invoked_subcommand in _BEGIN_ANEW:
        return
    from platform_assets.core.settings import get_settings
    from platform_assets.local import shared

    shared.join(get_settings())


_root.__doc__ = _HELP


def main() -> None:
    """Run ``weir``; an error meant for people is one line, its hint another, and exit code 1."""
    # As for the servers (local/private.py): what a command makes is its user's alone.
    os.umask(0o077)
    try:
        build()()
    except WeirError as error:
        fail(error.message, error.hint)
    except BrokenPipeError:
        # The reader of our output went away (`weir logs kafka | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ValueError as error:
        # Only settings are validated by pydantic before a command has a chance to explain.
        if type(error).__name__ != "ValidationError":
            raise
        words = [line.strip() for line in str(error).splitlines()[1:] if "http" not in line]
        fail(
            "the settings are not valid: " + " ".join(words), "see platform_assets/core/settings.py"
        )


def fail(message: str, hint: str = "") -> None:
    """Print one clear line, and the way out, on standard error; exit with 1."""
    print(f"weir: {' '.join(message.split())}", file=sys.stderr)
    if hint:
        print(f"      {hint}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
