"""Which message goes where: rules by severity, owner and source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.messaging import (
    Notification,
    NotifyError,
    Routes,
    Severity,
    notifier_from_environment,
)
from platform_assets.messaging.routing import Route
from tests.peer import Answer, scripted

NOTE = Notification("t", "b", Severity.ERROR, "report_sales", owner="team:growth", key="k")
RULES = """
routes:
  - severity: error
    owner: "team:growth"
    places: [pagerduty, "slack:#growth"]
  - owner: ["team:*", "*@example.com"]
    places: slack
  - source: "report_*"
    places: ["email:board@example.com"]
"""


def routes(tmp_path: Path, text: str = RULES) -> Routes:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    return Routes.read(path)


@pytest.mark.parametrize(
    ("changes", "first", "every"),
    [
        ({}, ["pagerduty", "slack:#growth"],
         ["pagerduty", "slack:#growth", "slack", "email:board@example.com"]),
        ({"severity": Severity.WARNING}, ["slack"], ["slack", "email:board@example.com"]),
        ({"owner": "a@example.com", "source": "x"}, ["slack"], ["slack"]),
        ({"owner": ""}, ["email:board@example.com"], ["email:board@example.com"]),
        ({"owner": "", "source": "x"}, [], []),
    ],
)  # fmt: skip
def test_the_first_rule_that_fits_or_all(
    tmp_path: Path, changes: dict[str, object], first: list[str], every: list[str]
) -> None:
    note = replace(NOTE, **changes)  # type: ignore[arg-type]
    assert list(routes(tmp_path).places(note)) == first
    assert list(routes(tmp_path, "match: all" + RULES).places(note)) == every


@given(
    st.lists(
        st.builds(
            Route,
            severity=st.sampled_from(Severity),
            owner=st.sampled_from([("*",), ("team:a",), ("",)]),
            places=st.sampled_from([("log",), ("slack", "log"), ("pagerduty",)]),
        )
    ),
    st.sampled_from(Severity),
    st.sampled_from(["", "team:a", "team:b"]),
)
def test_all_includes_first_and_what_matters_more_goes_no_fewer_places(
    rules: list[Route], severity: Severity, owner: str
) -> None:
    note = replace(NOTE, severity=severity, owner=owner)
    first, every = Routes(routes=tuple(rules)), Routes(match="all", routes=tuple(rules))
    assert set(first.places(note)) <= set(every.places(note))
    graver = replace(note, severity=Severity.ERROR)
    assert set(every.places(note)) <= set(every.places(graver))


def test_a_message_without_a_rule_goes_to_the_places_of_weir_notify(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(
        "routes: [{owner: 'team:growth', places: ['webhook:HOOK_GROWTH']}]"
    )
    with scripted(Answer()) as peer:
        to = notifier_from_environment(
            Settings(home=tmp_path),
            {"WEIR_NOTIFY_ROUTES": str(tmp_path / "routes.yaml"), "HOOK_GROWTH": peer.url + "/g"},
        )
        to.send(NOTE)
        to.send(replace(NOTE, owner="team:plant"))
    assert [request.json()["owner"] for request in peer.requests] == ["team:growth"]
    lines = (tmp_path / "notifications.jsonl").read_text().splitlines()
    assert [json.loads(line)["owner"] for line in lines] == ["team:plant"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("routes: [{places: [pigeon]}]", r"routes\.0\.places: .*unknown place 'pigeon'"),
        ("routes: [{places: []}]", "would lose messages"),
        ("routes: [{severity: fatal, places: log}]", r"routes\.0\.severity"),
        ("routes: [{plcaes: log}]", r"routes\.0\.places: Field required"),
        ("match: some", "match"),
        ("routes: [", "name a file of YAML"),
    ],
)
def test_a_malformed_rule_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(NotifyError, match=message):
        routes(tmp_path, text)


def test_a_missing_file_or_secret_is_told_before_a_message_needs_it(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match=r"WEIR_NOTIFY_ROUTES=.*nowhere"):
        notifier_from_environment(Settings(home=tmp_path), {"WEIR_NOTIFY_ROUTES": "/nowhere"})
    (tmp_path / "r").write_text("routes: [{owner: x, places: ['pagerduty:PAGER_X']}]")
    with pytest.raises(NotifyError, match="needs PAGER_X"):
        notifier_from_environment(
            Settings(home=tmp_path), {"WEIR_NOTIFY_ROUTES": str(tmp_path / "r")}
        )


def test_the_rules_in_the_document_are_rules(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "how-to" / "notifications.md").read_text()
    found = routes(tmp_path, text.split("```yaml\n")[1].split("```")[0])
    assert list(found.places(NOTE)) == ["pagerduty", "slack:#growth"]
    nobody = replace(NOTE, owner="", source="streams")
    assert list(found.places(nobody)) == ["pagerduty:PAGER_OPERATIONS", "log"]
