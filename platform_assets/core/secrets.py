"""The one reader of secrets: an environment variable, or a file that ``<NAME>_FILE`` names.

Settings hold the names of secrets, never their values. A value goes from here to the client that
needs it; errors name the variable or the file, and nothing logs what was read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platform_assets.core.errors import WeirError


class SecretError(WeirError):
    """A secret is missing, or its file cannot be read."""


def find_secret(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The secret of that name; None where neither variable is set.

    Args:
        name: of the variable; ``<name>_FILE`` holds the path of a file instead.
        environment: the variables; by default those of the process.

    Raises:
        SecretError: the file cannot be read, or is empty.
    """
    variables = os.environ if environment is None else environment
    if value := variables.get(name):
        return value
    if not (file := variables.get(f"{name}_FILE")):
        return None
    return read_secret_file(Path(file), f"{name}_FILE")


def read_secret(name: str, environment: Mapping[str, str] | None = None) -> str:
    """The same, where there is no going on without it.

    Raises:
        SecretError: neither variable is set, or the file cannot be read, or is empty.
    """
    if (value := find_secret(name, environment)) is None:
        raise SecretError(f"no secret in {name}", f"set {name} or {name}_FILE")
    return value


def read_secret_file(path: Path, variable: str) -> str:
    """A secret that is a file's first line.

    Only the end of the line goes: a password may begin or end with a blank. PostgreSQL's own
    password files are read in the same way.

    Args:
        path: the file.
        variable: which setting names it, for the error.

    Raises:
        SecretError: it cannot be read, or is empty.
    """
    try:
        value = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SecretError(
            f"{variable}={path} cannot be read: {reason}", "check the path and its permissions"
        ) from None
    if not value:
        raise SecretError(f"{variable}={path} is empty", "write the secret into it")
    return value
