"""The table of connector types in the reference: ``python -m tests.connectors.reference``.

Belongs here: what the table says, from the types and their tests. ``test_reference.py`` holds the
page to it.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from platform_assets.connectors.seam.types import ConnectorType, connector_types
from platform_assets.core.files import write_file
from platform_assets.core.settings import REPOSITORY
from tests import connectors
from tests.connectors.behaviour import Behaviour

PAGE = REPOSITORY / "docs/reference/connectors.md"
BEGIN, END = "<!-- types -->", "<!-- end of types -->"
_HEAD = "| type | what it reads | kind | delivery | shown by |\n| --- | --- | --- | --- | --- |\n"


def row(one: ConnectorType) -> str:
    """The line of a type."""
    live = "live" if one.live else "polled"
    return (
        f"| `{one.name}` | {one.title} | {one.kind.value}, {live} | {_delivery(one.name)}"
        f" | {one.maturity.value} |"
    )


def table() -> str:
    """The whole table."""
    return _HEAD + "\n".join(row(one) for one in connector_types().values()) + "\n"


def _delivery(name: str) -> str:
    """What the tests of a type hold it to.

    A test module says it by ``EXACT``: type -> whether exactly once; else its behaviour suites do,
    for the types that it proves.
    """
    modules = _modules()
    for module in modules:
        exact = getattr(module, "EXACT", {})
        if name in exact:
            return _words(exact=exact[name])
    for module in modules:
        if name not in getattr(module, "PROVES", {}):
            continue
        suites = [
            one
            for one in vars(module).values()
            if isinstance(one, type) and issubclass(one, Behaviour) and one is not Behaviour
        ]
        if suites:
            return _words(exact=all(one.exact for one in suites))
    return "not shown"


def _words(*, exact: bool) -> str:
    return "exactly once" if exact else "at least once, same ids"


def _modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"{connectors.__name__}.{one.name}")
        for one in pkgutil.iter_modules(connectors.__path__)
        if one.name.startswith("test_")
    ]


def main() -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    write_file(PAGE, f"{before}{BEGIN}\n{table()}{END}{after}")


if __name__ == "__main__":
    main()
