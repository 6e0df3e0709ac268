"""Parts of the portal that need no server: addresses, texts, comparison, limits."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer import Typer
from typer.testing import CliRunner

from platform_assets.cli import portal as cli
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.document import Paragraph, Report, Span
from reports.facts.model import Fact, Kind
from reports.language import direction
from reports.portal import openid
from reports.portal.addresses import asset_url, fact_url, report_url, safe_next
from reports.portal.charts import bundle
from reports.portal.compare import compare
from reports.portal.openid import OpenIdError, OpenIdProvider
from reports.portal.render import pieces
from reports.portal.shelf import Shelf, UnreadableReportError, excerpt
from reports.portal.throttle import Throttle, TooOftenError
from reports.portal.users import User
from reports.store import JSON, NoSuchReportError, ReportStore

TEXT = st.text(max_size=40)


def fact(fact_id: str, value: str | None, unit: str = "GBP", **more: object) -> Fact:
    values: dict[str, object] = {
        "kpi": "k", "label": fact_id, "kind": Kind.VALUE, "period": "2010-12", **more,
    }  # fmt: skip
    number = None if value is None else Decimal(value)
    return Fact(id=fact_id, value=number, unit=unit, **values)  # type: ignore[arg-type]


def report(*facts: Fact, text: str = "", name: str = "r", **more: object) -> Report:
    values: dict[str, object] = {
        "title": "Title", "audience": "board", "language": "en", "period": "2010-12",
        "period_label": "December 2010", "data_until": "2011-01-01T00:00:00Z",
        "narrator": "template", "headline": (), **more,
    }  # fmt: skip
    return Report(name=name, facts=facts, summary=(Paragraph(text=text),), **values)  # type: ignore[arg-type]


def settings(home: Path, **more: object) -> Settings:
    return Settings(home=home, **more)  # type: ignore[arg-type]


# Addresses


@given(st.text(max_size=30) | st.text(alphabet="/\\:.@?#%\t\n evil", max_size=12))
def test_after_signing_in_the_browser_stays_here(target: str) -> None:
    going = safe_next(target)
    assert going[0] == "/"
    assert going[1:2] not in ("/", "\\")
    # As a browser reads it: backslashes are slashes, control characters are not there.
    read = "".join(letter for letter in going.replace("\\", "/") if ord(letter) > 32)
    assert read == going
    assert urlsplit(f"https://portal.example{read}").hostname == "portal.example"


@pytest.mark.parametrize(
    "target",
    [
        "///evil.example/", "//evil.example", "/\\evil.example", "\\/evil.example",
        "/%2Fevil.example", "/%5cevil.example", "/%252F/evil.example", "/\tevil", "/\t/evil",
        "/\n/evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)",
        "/.//evil.example", "/..//evil.example", "/a/..//evil.example", "evil.example", "?next=/",
        "#a", "", " /reports", "/\u2028/evil.example", "/a//evil.example",
        "/%0d%0aLocation:https://evil.example",
    ],
)  # fmt: skip
def test_no_other_place_is_gone_to(target: str) -> None:
    assert safe_next(target) == "/"


def test_a_path_of_ours_is_kept() -> None:
    for target in ("/", "/reports/a/2010-12?page=2", "/search?q=a%20b", "/search?q=https://a//b"):
        assert safe_next(target) == target
    assert safe_next("/reports/a/2010-12/facts/net_sales.country.c%C3%B4te") != "/"


@given(st.text(min_size=1, max_size=20))
def test_a_facts_address_is_one_segment(fact_id: str) -> None:
    try:
        fact_id.encode()
    except UnicodeEncodeError:
        return
    url = fact_url(Settings(portal_url="https://p.example/"), "weekly", "2010-W50", fact_id)
    before, last = url.rsplit("/", 1)
    assert before == "https://p.example/reports/weekly/2010-W50/facts"
    assert unquote(last) == fact_id


def test_a_report_has_an_address_where_a_portal_has_one() -> None:
    there = Settings(portal_url="https://p.example/")
    assert report_url(there, "weekly", "2010-W50") == "https://p.example/reports/weekly/2010-W50"
    assert report_url(there.model_copy(update={"portal_url": ""}), "weekly", "2010-W50") == ""


def test_assets_link_to_dagster_where_its_address_is_known(tmp_path: Path) -> None:
    found = settings(tmp_path, dagster_url="http://d.example/")
    assert asset_url(found, "gold/retail/x") == "http://d.example/assets/gold/retail/x"
    assert asset_url(found.model_copy(update={"dagster_url": ""}), "gold/retail/x") == ""


# Texts


SPANS = st.lists(
    st.builds(
        lambda start, length, ids: Span(start=start, end=start + length, facts=tuple(ids)),
        st.integers(-2, 40),
        st.integers(-2, 10),
        st.lists(st.sampled_from("abc"), max_size=2),
    ),
    max_size=5,
)


@given(TEXT, SPANS)
def test_pieces_joined_are_the_text(text: str, spans: list[Span]) -> None:
    found = pieces(text, spans)
    assert "".join(piece.text for piece in found) == text
    linked = [piece.text for piece in found if piece.facts]
    allowed = [text[max(span.start, 0) : span.end] for span in spans]
    assert all(text and text in allowed for text in linked)


def test_a_number_becomes_a_link() -> None:
    found = pieces("up 6% now", [Span(start=3, end=5, facts=("growth", "base"))])
    assert [(piece.text, piece.facts) for piece in found] == [
        ("up ", ()), ("6%", ("growth", "base")), (" now", ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "expected"), [("ar", "rtl"), ("he-IL", "rtl"), ("de", "ltr"), ("??", "ltr")]
)
def test_direction_follows_the_language(language: str, expected: str) -> None:
    assert direction(language) == expected


# Comparison


def test_differences_growth_and_their_reading() -> None:
    before = report(
        fact("sales", "-100", good="up"),
        fact("share", "4.0", "%", decimals=1, good="down"),
        fact("gone", "1"),
        fact("zero", "0"),
        fact("odd", "1", "EUR"),
        fact("gap", None),
        fact("other period", "1", period="2010-11"),
    )
    after = report(
        fact("sales", "-50", good="up"),
        fact("share", "4.5", "%", decimals=1, good="down"),
        fact("new", "1"),
        fact("zero", "2"),
        fact("odd", "1", "GBP"),
        fact("gap", "3"),
    )
    found = {line.fact.id: line for line in compare(before, after)}
    assert list(found) == ["sales", "share", "new", "zero", "odd", "gap", "gone"]
    assert (found["sales"].difference, found["sales"].growth) == ("+£50", "+50.0%")
    assert found["sales"].verdict == "better"
    assert found["share"].difference.replace("\xa0", " ") == "+0.5 pp"
    assert (found["share"].growth, found["share"].verdict) == ("", "worse")
    assert (found["zero"].difference, found["zero"].growth) == ("+£2", "")
    for missing in ("new", "gone", "odd", "gap"):
        assert found[missing].difference == ""


# Search


def test_search_wants_every_word_and_prefers_titles(tmp_path: Path) -> None:
    found = settings(tmp_path)
    store = ReportStore(found)
    store.save(report(text="Sales of zinc grew in Köln.", name="a", title="Zinc"))
    store.save(report(text="All about zinc.", name="a", period="2011-01", title="Other"))
    store.save(report(text="zinc zinc", name="b"))
    shelf, user = Shelf(found), User("anna", reports=frozenset("a"))
    assert [hit.card.period for hit in shelf.search(user, "ZINC")] == ["2010-12", "2011-01"]
    assert [hit.card.period for hit in shelf.search(user, "köln zinc")] == ["2010-12"]
    assert shelf.search(user, "  ") == []
    assert len(shelf.search(User("root", admin=True), "zinc")) == 3


def test_a_report_made_anew_is_read_anew(tmp_path: Path) -> None:
    found = settings(tmp_path)
    store, shelf, user = ReportStore(found), Shelf(found), User("root", admin=True)
    path = store.save(report(title="Before"))
    assert shelf.open(user, "r", "2010-12").title == "Before"
    before = path.stat().st_mtime_ns
    store.save(report(title="After"))
    assert path.stat().st_mtime_ns != before
    assert shelf.open(user, "r", "2010-12").title == "After"
    assert [card.title for card in shelf.cards(user)] == ["After"]


def test_a_malformed_report_leaves_the_others(tmp_path: Path) -> None:
    found = settings(tmp_path)
    store, shelf, user = ReportStore(found), Shelf(found), User("root", admin=True)
    store.save(report())
    store.write("r", "2011-01", JSON, b'{"name": "r"}')
    store.write("r", "2011-02", JSON, b"no JSON")
    assert [card.period for card in shelf.cards(user)] == ["2010-12"]
    with pytest.raises(UnreadableReportError, match=r"report r of 2011-01 .* malformed at title"):
        shelf.open(user, "r", "2011-01")


@pytest.mark.parametrize("name", ["..", "../r", "r/../r", "", "r\n", ".r"])
def test_odd_names_open_nothing(tmp_path: Path, name: str) -> None:
    ReportStore(settings(tmp_path)).save(report())
    with pytest.raises(NoSuchReportError):
        Shelf(settings(tmp_path)).open(User("root", admin=True), name, "2010-12")


@given(st.lists(TEXT, max_size=3), st.lists(st.text(min_size=1, max_size=4), min_size=1))
def test_every_second_piece_of_an_excerpt_is_a_hit(texts: list[str], words: list[str]) -> None:
    for index, piece in enumerate(excerpt(tuple(texts), words)):
        if index % 2:
            assert any(piece.casefold() == word.casefold() or piece.lower() == word.lower()
                       or piece.upper() == word.upper() for word in words)  # fmt: skip


# Limits


def test_the_fourth_guess_is_slowed_for_that_user_and_address() -> None:
    throttle = Throttle()
    for _ in range(3):
        throttle.guess("anna", "10.0.0.1")
    with pytest.raises(TooOftenError) as slowed:
        throttle.guess("anna", "10.0.0.1")
    assert 0 < slowed.value.seconds <= 300
    throttle.guess("anna", "10.0.0.2")
    throttle.guess("berta", "10.0.0.1")
    throttle.right("anna", "10.0.0.1")
    throttle.guess("anna", "10.0.0.1")


def test_one_address_cannot_try_many_names() -> None:
    throttle = Throttle()
    for number in range(20):
        throttle.guess(f"user-{number}", "10.0.0.1")
    with pytest.raises(TooOftenError):
        throttle.guess("another", "10.0.0.1")


def test_exports_are_bounded() -> None:
    throttle = Throttle()
    for _ in range(10):
        throttle.export("anna")
    with pytest.raises(TooOftenError):
        throttle.export("anna")


# Charts, OpenID, command line


def test_the_script_is_written_once_and_carries_the_interpreter(tmp_path: Path) -> None:
    path = bundle(settings(tmp_path))
    written = path.stat().st_mtime_ns
    assert ".ast" in path.read_text()
    bundle.cache_clear()
    assert bundle(settings(tmp_path)) == path
    assert path.stat().st_mtime_ns == written
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def provider(home: Path, monkeypatch: pytest.MonkeyPatch) -> OpenIdProvider:
    monkeypatch.setenv("WEIR_PORTAL_OIDC_SECRET", "s")
    return OpenIdProvider(
        settings(home, portal_oidc_issuer="http://127.0.0.1:1", portal_oidc_client_id="weir")
    )


def test_a_provider_that_is_away_is_tried_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    def away(url: str, timeout: float) -> httpx.Response:
        tries.append(timeout)
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx, "get", away)
    monkeypatch.setattr(openid._get.retry, "sleep", lambda _seconds: None)  # type: ignore[attr-defined]
    with pytest.raises(OpenIdError, match="does not answer"):
        provider(tmp_path, monkeypatch).begin("/")
    assert tries == [10, 10, 10]


def test_a_provider_in_anothers_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(url: str, timeout: float) -> httpx.Response:
        request = httpx.Request("GET", url)
        return httpx.Response(200, json={"issuer": "https://evil.example"}, request=request)

    monkeypatch.setattr(httpx, "get", other)
    with pytest.raises(OpenIdError, match=r"calls itself https://evil\.example"):
        provider(tmp_path, monkeypatch).begin("/")


def test_a_client_without_a_secret_is_named(tmp_path: Path) -> None:
    found = settings(tmp_path, portal_oidc_issuer="https://id.example")
    with pytest.raises(OpenIdError, match="WEIR_PORTAL_OIDC_CLIENT_ID, WEIR_PORTAL_OIDC_SECRET"):
        OpenIdProvider(found)


def test_what_other_rooms_import_loads_nothing_heavy() -> None:
    heavy = "{'fastapi', 'pyarrow', 'argon2', 'authlib', 'psycopg', 'vl_convert', 'limits'}"
    code = f"import sys, platform_assets.cli.portal, reports.portal.addresses; print({heavy} & {{*sys.modules}})"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_commands_have_examples() -> None:
    app = Typer()
    cli.register(app)
    app.command("other")(lambda: None)
    for words in (["portal"], ["portal", "users"], ["portal", "users", "add"]):
        shown = CliRunner().invoke(app, [*words, "--help"])
        assert shown.exit_code == 0
        assert "weir portal" in " ".join(shown.output.split())


def test_without_a_database_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings(tmp_path, postgres_port=1)
    monkeypatch.setattr("platform_assets.core.settings.get_settings", lambda: found)
    monkeypatch.delenv("WEIR_POSTGRES_PASSWORD", raising=False)
    app = Typer()
    cli.register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["portal", "users", "list"])
    assert isinstance(result.exception, WeirError)
    assert "no PostgreSQL password" in result.exception.message
