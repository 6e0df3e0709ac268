"""What a client's error means: the source is away, it refuses who asks, or it stays wrong."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)


class Verdict(Enum):
    """What is to be done about an error."""

    AWAY = "does not answer"
    REFUSED = "refuses"
    WRONG = "says"


Judge = Callable[[BaseException], Verdict | None]
"""What an error of the client means; None: it is none of the client's."""


@contextmanager
def asking(where: str, judge: Judge) -> Iterator[None]:
    """Say what the client's errors mean.

    Args:
        where: source, stream and address, for the message; without any secret.
        judge: of the client's errors.

    Raises:
        SourceAwayError: the source does not answer.
        SourceRefusedError: it refuses the credential.
        ConnectorError: anything else that the client says.
    """
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:
        verdict = judge(error)
        if verdict is None:
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        told = f"{where} {verdict.value}: {lines[0][:500]}"
        if verdict is Verdict.AWAY:
            hint = "it is tried again at the next read"
            raise SourceAwayError(told, hint) from error
        if verdict is Verdict.REFUSED:
            hint = "check the user, the secret and its rights"
            raise SourceRefusedError(told, hint) from error
        raise ConnectorError(told) from error


def client(module: str, package: str, connector: str) -> Any:
    """A client library that not every installation has.

    Raises:
        ConnectorError: it is missing; says which package to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConnectorError(
            f"connector {connector} needs the package {package}: {error}",
            f"pip install {package}",
        ) from error
