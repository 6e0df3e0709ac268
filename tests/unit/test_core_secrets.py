"""Secrets: where they are read from, and that every address carries them whole."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from platform_assets.core.errors import WeirError
from platform_assets.core.properties import java_properties
from platform_assets.core.secrets import SecretError, find_secret, read_secret, read_secret_file
from platform_assets.core.settings import Settings

HOSTILE = "p@s:/?#%& '\"\\$+=;%41é漢🙂"
# No control characters: PostgreSQL takes no NUL, and a password file is one line.
passwords = st.text(
    st.one_of(st.sampled_from("@:/?#%& '\"\\$+=[]"), st.characters(exclude_categories=("C",))),
    min_size=1,
    max_size=40,
)


def of(user: str = "weir") -> Settings:
    return Settings(home=Path("/nowhere"), postgres_user=user)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=passwords, user=passwords)
@example(password=HOSTILE, user=HOSTILE)
def test_an_address_gives_back_user_and_password(
    password: str, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", password)
    there = of(user)
    read = conninfo_to_dict(there.postgres_dsn("ledger"))
    assert (read["user"], read["password"], read["dbname"]) == (user, password, "ledger")
    assert (read["host"], int(str(read["port"]))) == (there.postgres_host, there.postgres_port)
    for driver in ("psycopg", "psycopg2"):
        url = make_url(there.postgres_dsn("ledger", driver=driver))
        assert (url.username, url.password, url.database) == (user, password, "ledger")
        assert (url.host, url.port) == (there.postgres_host, there.postgres_port)
        assert url.drivername == f"postgresql+{driver}"


def test_an_ipv6_host_is_bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", HOSTILE)
    there = of().model_copy(update={"postgres_host": "::1"})
    assert conninfo_to_dict(there.postgres_dsn("ledger"))["host"] == "::1"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=passwords)
@example(password=HOSTILE)
@example(password=" blanks at both ends ")
def test_a_password_file_is_read_up_to_the_end_of_its_line(password: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(password + "\n", encoding="utf-8")
    assert read_secret_file(file, "X_FILE") == password
    assert find_secret("X", {"X_FILE": str(file)}) == password
    assert find_secret("X", {"X": "first", "X_FILE": str(file)}) == "first"


def test_no_password_is_an_error_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIR_POSTGRES_PASSWORD", raising=False)
    with pytest.raises(WeirError, match="no PostgreSQL password") as caught:
        of().postgres_dsn("ledger")
    assert "WEIR_POSTGRES_PASSWORD_FILE" in caught.value.hint


def test_a_secret_that_cannot_be_read_names_variable_and_file(tmp_path: Path) -> None:
    assert find_secret("X", {}) is None
    with pytest.raises(SecretError, match="no secret in X; set X or X_FILE"):
        read_secret("X", {})
    with pytest.raises(SecretError, match=r"X_FILE=.*/none cannot be read"):
        find_secret("X", {"X_FILE": str(tmp_path / "none")})
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with pytest.raises(SecretError, match=r"X_FILE=.*/empty is empty"):
        find_secret("X", {"X_FILE": str(empty)})
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SecretError, match="not UTF-8"):
        find_secret("X", {"X_FILE": str(binary)})


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
@example(HOSTILE)
@example(" \\u0041\t")
def test_a_java_property_is_read_back_as_written(value: str) -> None:
    (line,) = java_properties({"user": value}).split("\n")[:-1]
    assert _java(line) == ("user", value)


def _java(line: str) -> tuple[str, str]:
    """As java.util.Properties reads a line whose key is a plain name."""
    key, _, rest = line.partition("=")
    plain = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}

    def unescape(match: re.Match[str]) -> str:
        text = match[1]
        return chr(int(text[1:], 16)) if len(text) == 5 else plain.get(text, text)

    units = re.sub(r"\\(u[0-9a-f]{4}|.)", unescape, rest.lstrip(" "))
    return key, units.encode("utf-16", "surrogatepass").decode("utf-16")
