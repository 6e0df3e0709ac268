"""The connectors ``salesforce`` and ``salesforce_bulk`` against a small org over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jwt

from platform_assets.connectors.operate.draft import draft_contract, draft_stream
from platform_assets.connectors.seam.pull import pull
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity, connector_type
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from tests.connectors.api_peer import Source, loopback
from tests.connectors.api_suite import HttpBehaviour
from tests.connectors.behaviour import FIELDS
from tests.connectors.salesforce_peer import Org
from tests.connectors.scene import new_source
from tests.peer import Answer

PROVES = {"salesforce": Maturity.EMULATOR, "salesforce_bulk": Maturity.EMULATOR}

LOGIN = {"kind": "client_credentials", "client_id": "weir", "client_secret": "SF_SECRET"}
ACCOUNTS = {"object": "Account"}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_SECRET", "s3cret")


@pytest.fixture
def org() -> Iterator[Org]:
    with Org().serving() as made:
        yield made


def source(org: Org, connector: str = "salesforce", options: Any = None, **config: Any) -> Source:
    base = {"instance": org.url, "login": LOGIN, "attempts": 2}
    return Source(connector, {**base, **config}, {**ACCOUNTS, **(options or {})})


def numbers(one: Source, pages: int | None = None) -> list[int]:
    return [int(row["Number__c"]) for row in one.rows(pages)]


class TestRest:
    def test_pages_are_followed_and_read_on_by_the_moment_of_change(self, org: Org) -> None:
        org.add(range(1, 26))
        one = source(org, options={"fields": ["Number__c"], "where": "BillingCity != 'Bonn'"})
        assert numbers(one, pages=1) == list(range(1, 11))
        assert numbers(one) == list(range(11, 26))
        org.put(3, "3", "Köln")
        org.put(99, "99", "Bonn")
        assert numbers(one) == [3]
        assert numbers(one) == []
        assert org.queries[0] == (
            "SELECT Number__c,Id,SystemModstamp,IsDeleted FROM Account "
            "WHERE (BillingCity != 'Bonn') ORDER BY SystemModstamp, Id"
        )
        assert "SystemModstamp >= 2026-03-01T11:58:25.000Z ORDER" in org.queries[1]
        assert "batchSize=2000" in org.requests[-1].headers["sforce-query-options"]

    def test_changes_that_become_visible_late_are_not_lost(self, org: Org) -> None:
        org.add(range(1, 4))
        one = source(org)
        assert numbers(one) == [1, 2, 3]
        org.put(4, "4", SystemModstamp="2026-03-01T12:00:02.000+0000")
        assert numbers(one) == [4]

    def test_a_deleted_record_is_a_deletion_with_what_it_was(self, org: Org) -> None:
        org.add(range(1, 4))
        one = source(org)
        assert numbers(one) == [1, 2, 3]
        org.drop(2)
        (page,) = one.pages()
        assert page.ops == ("d",)
        assert page.rows.to_pylist()[0]["Number__c"] is None
        assert page.before is not None
        assert page.before.to_pylist()[0]["Number__c"] == "2"
        assert list(one.pages()) == []
        plain = source(org, options={"deleted": False})
        assert numbers(plain) == [1, 3]

    def test_an_object_that_cannot_be_deleted_is_read_all_the_same(self, org: Org) -> None:
        org.add(range(1, 3))
        one = source(org, options={"object": "User"})
        assert numbers(one) == [1, 2]
        assert numbers(one) == []
        assert "IsDeleted" not in org.queries[0]
        asked = [each for each in org.requests if each.path.endswith("User/describe")]
        assert len(asked) == 1, "what an object is was asked for once"

    def test_a_cursor_that_the_object_lacks_is_named(self, org: Org) -> None:
        with pytest.raises(ConnectorError, match="no field 'Changed'; of type datetime it has: Cr"):
            numbers(source(org, options={"cursor": "Changed"}))

    def test_a_locator_that_is_gone_means_the_query_again(self, org: Org) -> None:
        org.add(range(1, 26))
        one = source(org, options={"overlap_seconds": 0})
        assert numbers(one, pages=1) == list(range(1, 11))
        org.forget()
        assert numbers(one) == list(range(1, 26))

    def test_the_day_s_share_of_requests_is_left_to_others(self, org: Org) -> None:
        org.add(range(1, 26))
        org.used = 11_997
        one = source(org, options={"fields": ["Number__c"]})
        assert len(numbers(one, pages=2)) == 20
        with pytest.raises(SourceAwayError, match=r"12,000 of the org's 15,000 API requests"):
            numbers(one)
        asked = len(org.requests)
        with pytest.raises(SourceAwayError, match="asked again in"):
            numbers(one)
        assert len(org.requests) == asked

    def test_a_day_that_is_spent_is_no_refusal(self, org: Org) -> None:
        spent = [
            {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}
        ]
        org.before = lambda r: None if "token" in r.path else Answer(403, spent)
        with pytest.raises(SourceAwayError, match="no API requests left for today"):
            numbers(source(org))

    def test_storms_pass(self, org: Org) -> None:
        org.add(range(1, 4))
        storm = [Answer(503), Answer(429, headers={"Retry-After": "0"}), Answer(500)]
        org.before = lambda r: storm.pop() if storm and "token" not in r.path else None
        assert numbers(source(org, attempts=5)) == [1, 2, 3]
        assert storm == []

    def test_a_query_that_no_address_can_hold_is_refused(self, org: Org) -> None:
        many = [f"Field_with_a_long_name_{n}__c" for n in range(500)]
        with pytest.raises(ConnectorError, match="or use salesforce_bulk"):
            numbers(source(org, options={"fields": many}))


class TestLogins:
    def test_a_revoked_secret_is_a_refusal_and_an_old_session_is_renewed(self, org: Org) -> None:
        org.add(range(1, 3))
        one = source(org)
        assert numbers(one) == [1, 2]
        org.token = "t2"
        org.add(range(3, 4))
        assert numbers(one) == [3]
        org.secret, org.token = "new", "t3"
        with pytest.raises(SourceRefusedError, match="400: invalid_client"):
            numbers(one)

    def test_a_signed_login(self, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        monkeypatch.setenv("SF_KEY", pem)
        login = {
            "kind": "jwt_bearer",
            "client_id": "app",
            "user": "weir@acme.test",
            "key": "SF_KEY",
        }
        assert "3 objects; 14,898 of 15,000" in source(org, login=login).reader().check()
        (form,) = org.grants
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = jwt.decode(form["assertion"], jwk.import_key(pem, "RSA"), ["RS256"]).claims
        assert (claims["iss"], claims["sub"]) == ("app", "weir@acme.test")
        assert claims["aud"] == "https://login.salesforce.com"

    def test_a_consented_login(self, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SF_REFRESH", "r1")
        login = {
            "kind": "refresh_token", "client_id": "app", "client_secret": "SF_SECRET",
            "refresh_token": "SF_REFRESH",
        }  # fmt: skip
        assert source(org, login=login).reader().check()
        assert (org.grants[0]["refresh_token"], org.grants[0]["client_id"]) == ("r1", "app")


def test_objects_are_discovered_and_drafted(org: Org) -> None:
    one = source(org, options={"fields": ["Id", "AnnualRevenue"]})
    rows, account, contact = one.reader().discover()
    assert rows.schema.names == ["Id", "AnnualRevenue"]
    assert (account.name, contact.name) == ("Account", "Contact")
    assert "BillingAddress" not in account.schema.names
    assert account.cursor_fields == ("SystemModstamp", "CreatedDate")
    topic = TopicName("crm", "accounts")
    contract = draft_contract(account, topic, "team:crm")
    assert "name: annual_revenue" in contract
    assert "value: system_modstamp" in contract
    drafted = draft_stream(connector_type("salesforce"), account, topic, {})
    assert drafted.options == {"object": "Account", "cursor": "SystemModstamp"}
    assert drafted.identity == ["Id", "SystemModstamp"]
    with pytest.raises(ConnectorError, match="no Nothing"):
        source(org, options={"object": "Nothing"}).reader().discover()


class TestBulk:
    def test_results_come_in_parts_and_the_job_is_deleted(self, org: Org) -> None:
        org.add(range(1, 26))
        org.wait(1000)
        org.put(26, "26", city='Ulm,\n"Donau" ö')
        org.polls = 2
        one = source(org, "salesforce_bulk", {"page_rows": 10})
        rows = one.rows()
        assert [int(row["Number__c"]) for row in rows] == list(range(1, 27))
        assert rows[-1]["BillingCity"] == 'Ulm,\n"Donau" ö'
        assert rows[0]["LastActivityDate"] is None
        assert rows[0]["SystemModstamp"] == "2026-03-01T12:00:01.000Z"
        assert org.locators == ["", "L10", "L20"]
        assert (len(org.deleted_jobs), org.jobs) == (1, {})
        org.drop(5)
        org.put(27, "27")
        (_, page) = one.pages()
        assert sorted(page.ops) == ["d", "u"]
        assert page.before is not None
        gone = page.ops.index("d")
        assert page.before.to_pylist()[gone]["Number__c"] == "5"
        assert page.rows.to_pylist()[1 - gone]["Number__c"] == "27"
        assert [page.rows.num_rows for page in one.pages()] == [0, 0]

    def test_a_read_goes_on_at_the_locator_with_the_same_job(self, org: Org) -> None:
        org.add(range(1, 26))
        one = source(org, "salesforce_bulk", {"page_rows": 10})
        assert numbers(one, pages=2) == list(range(1, 11))
        assert numbers(one) == list(range(11, 26))
        assert org.locators == ["", "L10", "L20"]
        assert len(org.deleted_jobs) == 1

    def test_a_job_that_is_gone_means_the_query_again(self, org: Org) -> None:
        org.add(range(1, 26))
        one = source(org, "salesforce_bulk", {"page_rows": 10, "overlap_seconds": 0})
        assert numbers(one, pages=2) == list(range(1, 11))
        org.jobs.clear()
        assert numbers(one) == list(range(1, 26))

    def test_a_query_that_fails_is_told_and_its_job_deleted(self, org: Org) -> None:
        org.polls = 10**6
        one = source(org, "salesforce_bulk")
        assert numbers(one, pages=1) == []
        (job,) = org.jobs.values()
        job |= {"state": "Failed", "errorMessage": "MALFORMED_QUERY: no such column"}
        with pytest.raises(ConnectorError, match="MALFORMED_QUERY: no such column"):
            numbers(one)
        assert org.deleted_jobs == [job["id"]]

    def test_a_job_that_takes_too_long_is_ended(self, org: Org) -> None:
        org.polls = 10**6
        one = source(org, "salesforce_bulk", {"job_seconds": 0.1})
        with pytest.raises(ConnectorError, match="not done after"):
            numbers(one)
        assert len(org.deleted_jobs) == 1

    def test_a_stop_ends_a_job_that_is_waited_for(self, org: Org) -> None:
        org.polls = 10**6
        kind = connector_type("salesforce_bulk")
        config = kind.config.model_validate({"instance": org.url, "login": LOGIN})
        stop = threading.Event()
        context = Context(
            Settings(source_networks="127.0.0.0/8"), "sf_stopped",
            streams={"rows": kind.stream.model_validate(ACCOUNTS)}, stop=stop,
        )  # fmt: skip
        reader = kind.open(config, context)
        pages: list[Any] = []
        thread = threading.Thread(target=lambda: pages.extend(reader.read("rows", None)))
        thread.start()
        wait_until(
            lambda: any(job["polls"] for job in org.jobs.values()), what="a poll", timeout=10
        )
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
        assert (len(pages), org.jobs, len(org.deleted_jobs)) == (1, {}, 1)
        assert any(one.method == "PATCH" for one in org.requests)


class Accounts:
    """The org as the suite's peer."""

    stream = "rows"
    entry: ClassVar[dict[str, Any]] = {
        "columns": {"id": "Number__c", "city": "BillingCity"},
        "identity": ["Id", "SystemModstamp"],
    }

    def __init__(self, connector: str, org: Org, options: dict[str, Any]) -> None:
        self.connector, self.options = connector, {**ACCOUNTS, **options}
        self.config: dict[str, Any] = {"instance": org.url, "login": LOGIN, "attempts": 3}
        self.add, self.spoil = org.add, org.spoil


@pytest.mark.soak
class TestRestBehaviour(HttpBehaviour):
    """Its pages are those of `rest`; `salesforce_bulk` runs the suite each time."""

    @pytest.fixture
    def peer(self, org: Org) -> Accounts:
        return Accounts("salesforce", org, {})


class TestBulkBehaviour(HttpBehaviour):
    @pytest.fixture
    def peer(self, org: Org) -> Accounts:
        return Accounts("salesforce_bulk", org, {"page_rows": 10})


def test_deletions_are_events(
    stack: Settings, org: Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = loopback(stack, monkeypatch)
    org.add(range(1, 4))
    config = {"instance": org.url, "login": LOGIN}
    with new_source(
        settings, tmp_path, "salesforce", config=config, options=ACCOUNTS, fields=FIELDS,
        **Accounts.entry,
    ) as scene:  # fmt: skip
        (outcome,) = pull(settings, scene.source)
        assert (outcome.records, outcome.error) == (3, None)
        org.drop(2)
        (outcome,) = pull(settings, scene.source)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (1, 0, None)
        gone = scene.events()[-1]
    assert (gone["op"], gone["after"], gone["before"]["id"]) == ("d", None, 2)
