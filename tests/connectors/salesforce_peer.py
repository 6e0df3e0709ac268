"""A small Salesforce org over real HTTP: login, queries in pages, bulk query jobs, limits.

Belongs here: the server that tests of Salesforce's connectors ask, written from its documentation.
Does not belong here: any test.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.connectors.api_peer import SIZE, Server
from tests.peer import Answer, Request

BASE = "/services/data/v62.0"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPES = {
    "Id": "id", "Number__c": "string", "BillingCity": "string", "AnnualRevenue": "currency",
    "CreatedDate": "datetime", "SystemModstamp": "datetime", "IsDeleted": "boolean",
    "BillingAddress": "address", "Name": "string", "Employees": "int", "LastActivityDate": "date",
}  # fmt: skip
_SOQL = re.compile(r"SELECT (.+?) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY (\w+), Id)?")
_SINCE = re.compile(r"SystemModstamp (>=?) (\S+)")
_NOT = re.compile(r"\((\w+) != '(\w+)'\)")
_FINAL = ("JobComplete", "Aborted", "Failed")


class Org(Server):
    """Accounts ``{Id, Number__c, BillingCity, ...}``; the clock goes on a second with each change.

    Attributes:
        rows: Id -> account.
        jobs: id -> query job, as the org tells it.
        deleted_jobs: what was deleted.
        polls: of a job that is still in progress.
        used: API requests of the day, of 15,000.
        secret: of the client.
        grants: what was asked of the token endpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.deleted_jobs: list[str] = []
        self.polls = 0
        self.used = 100
        self.secret = "s3cret"
        self.token = "t1"
        self.grants: list[dict[str, Any]] = []
        self._clock = 0
        self._results: dict[str, list[dict[str, Any]]] = {}

    @property
    def queries(self) -> list[str]:
        """The SOQL that was asked by the REST API."""
        parts = [urlsplit(one.path) for one in self.requests]
        return [dict(parse_qsl(one.query))["q"] for one in parts if "q=" in one.query]

    def add(self, ids: range) -> None:
        for n in ids:
            self.put(n, str(n))

    def spoil(self, number: int) -> None:
        self.put(number, f"{number}x")

    def put(self, number: int, value: str, city: str = "Ulm", **more: Any) -> None:
        """Create an account or change it."""
        name = f"001{number:015}"
        self._clock += 1
        self.rows[name] = {
            "Id": name, "Number__c": value, "BillingCity": city, "AnnualRevenue": number * 1.5,
            "CreatedDate": _written(BEGAN), "IsDeleted": False,
            "SystemModstamp": _written(BEGAN + timedelta(seconds=self._clock)),
            "Employees": number, "LastActivityDate": None, "Name": None, **more,
        }  # fmt: skip

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self._clock += seconds

    def drop(self, number: int) -> None:
        """Delete an account: it goes to the recycle bin."""
        row = self.rows[f"001{number:015}"]
        self.put(number, row["Number__c"], row["BillingCity"], IsDeleted=True)

    def served(self, request: Request) -> Answer:
        path = urlsplit(request.path).path
        if path == "/services/oauth2/token":
            return self._token(request)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}])
        self.used += 1
        answer = self._data(request, path.removeprefix(BASE).strip("/"))
        answer.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/15000"
        return answer

    def _token(self, request: Request) -> Answer:
        form = request.form()
        self.grants.append(form)
        if form.get("client_secret", self.secret) != self.secret:
            return Answer(400, {"error": "invalid_client", "error_description": "bad secret"})
        return Answer(
            body={
                "access_token": self.token, "instance_url": self.url, "token_type": "Bearer",
                "id": f"{self.url}/id/00D000000000001/005000000000001",
            }
        )  # fmt: skip

    def _data(self, request: Request, path: str) -> Answer:  # noqa: PLR0911 (a case an address)
        if path.startswith("jobs/query"):
            return self._job(request, path.removeprefix("jobs/query").strip("/"))
        if path in ("query", "queryAll"):
            soql = dict(parse_qsl(urlsplit(request.path).query))["q"]
            if "FROM Organization" in soql:
                return Answer(body={"done": True, "records": [{"Id": "00D000000000001AAA"}]})
            return self._page(self._found(soql, deleted=path == "queryAll"), 0)
        if path.startswith("query/"):
            name, _, start = path.removeprefix("query/").partition("-")
            if name not in self._results:
                return Answer(400, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "gone"}])
            return self._page(self._results[name], int(start), name)
        if path == "sobjects":
            names = ["Account", "Contact", "Hidden"]
            objects = [{"name": one, "queryable": one != "Hidden"} for one in names]
            return Answer(body={"sobjects": objects})
        if path.startswith("sobjects/"):
            name = path.split("/")[1]
            if name not in ("Account", "Contact", "User"):
                return Answer(404, [{"errorCode": "NOT_FOUND", "message": f"no {name}"}])
            gone = ("IsDeleted",) if name == "User" else ()
            fields = [{"name": n, "type": kind} for n, kind in TYPES.items() if n not in gone]
            return Answer(body={"name": name, "queryable": True, "fields": fields})
        assert path == "limits", path
        return Answer(body={"DailyApiRequests": {"Max": 15000, "Remaining": 15000 - self.used}})

    def _found(self, soql: str, *, deleted: bool) -> list[dict[str, Any]]:
        found = _SOQL.fullmatch(soql)
        assert found, soql
        fields, condition = found[1].split(","), found[3] or ""
        rows = [one for one in self.rows.values() if deleted or not one["IsDeleted"]]
        if since := _SINCE.search(condition):
            moment = datetime.fromisoformat(since[2])
            rows = [one for one in rows if _since(one, moment, since[1])]
        if differs := _NOT.search(condition):
            rows = [one for one in rows if one[differs[1]] != differs[2]]
        if found[4]:
            rows.sort(key=lambda one: (one[found[4]], one["Id"]))
        return [{name: one[name] for name in fields} for one in rows]

    def _page(self, rows: list[dict[str, Any]], start: int, name: str = "") -> Answer:
        name = name or f"01g{len(self._results):015}"
        self._results[name] = rows
        records = [
            {
                "attributes": {"type": "Account", "url": f"{BASE}/sobjects/Account/{one['Id']}"},
                **one,
            }
            for one in rows[start : start + SIZE]
        ]
        done = start + SIZE >= len(rows)
        body = {"totalSize": len(rows), "done": done, "records": records}
        if not done:
            body["nextRecordsUrl"] = f"{BASE}/query/{name}-{start + SIZE}"
        return Answer(body=body)

    def forget(self) -> None:
        """The query locators are gone, as they are after some time."""
        self._results = {name: rows for name, rows in self._results.items() if name in self.jobs}

    def _job(self, request: Request, path: str) -> Answer:
        name, _, rest = path.partition("/")
        if not name:
            return self._new_job(request.json())
        if name not in self.jobs:
            return Answer(404, [{"errorCode": "NOT_FOUND", "message": "no such job"}])
        job = self.jobs[name]
        if rest == "results":
            return self._part(name, dict(parse_qsl(urlsplit(request.path).query)))
        if request.method == "PATCH":
            job["state"] = request.json()["state"]
        elif request.method == "DELETE":
            if job["state"] not in _FINAL:
                return Answer(400, [{"errorCode": "API_ERROR", "message": job["state"]}])
            del self.jobs[name]
            self.deleted_jobs.append(name)
            return Answer(204, b"")
        elif job["state"] in ("UploadComplete", "InProgress"):
            job["polls"] += 1
            job["state"] = "JobComplete" if job["polls"] > self.polls else "InProgress"
        return Answer(body=job)

    def _new_job(self, asked: Mapping[str, Any]) -> Answer:
        name = f"750{len(self.jobs) + len(self.deleted_jobs):015}"
        self._results[name] = self._found(asked["query"], deleted=asked["operation"] == "queryAll")
        self.jobs[name] = {"id": name, "state": "UploadComplete", "polls": 0, **asked}
        return Answer(body=self.jobs[name])

    def _part(self, name: str, asked: Mapping[str, str]) -> Answer:
        start, most = int(asked.get("locator", "L0")[1:]), int(asked["maxRecords"])
        rows = self._results[name]
        text = io.StringIO()
        fields = _SOQL.fullmatch(self.jobs[name]["query"])
        assert fields is not None
        writer = csv.DictWriter(
            text, fields[1].split(","), quoting=csv.QUOTE_ALL, lineterminator="\n"
        )
        writer.writeheader()
        for one in rows[start : start + most]:
            writer.writerow({key: _text(value) for key, value in one.items()})
        following = f"L{start + most}" if start + most < len(rows) else "null"
        headers = {"Content-Type": "text/csv", "Sforce-Locator": following}
        return Answer(200, text.getvalue().encode(), headers)

    @property
    def locators(self) -> list[str]:
        """Of the parts of results that were asked for."""
        return list(self._locators())

    def _locators(self) -> Iterator[str]:
        for one in self.requests:
            parts = urlsplit(one.path)
            if parts.path.endswith("/results"):
                yield dict(parse_qsl(parts.query)).get("locator", "")


def _since(row: Mapping[str, Any], moment: datetime, compare: str) -> bool:
    own = datetime.fromisoformat(row["SystemModstamp"])
    return own >= moment if compare == ">=" else own > moment


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _text(value: Any) -> str:
    """A value as the Bulk API writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace(".000+0000", ".000Z")
