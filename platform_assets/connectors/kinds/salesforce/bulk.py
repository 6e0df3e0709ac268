"""Records by the Bulk API 2.0: a query job, its results in parts as CSV, on at the next locator."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http.client import Answer, StatusError
from platform_assets.connectors.http.pace import StoppedError
from platform_assets.connectors.kinds.salesforce.config import BulkStream
from platform_assets.connectors.kinds.salesforce.login import Org, SalesforceConfig
from platform_assets.connectors.kinds.salesforce.objects import (
    Recent,
    columns_of,
    found_streams,
    moment_of,
    query,
)
from platform_assets.connectors.kinds.salesforce.rest import told
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream
from platform_assets.core.errors import WeirError

_JOBS = "jobs/query"
_JSON = {"Content-Type": "application/json"}
_GONE = (400, 404, 409)
"""Answers about a job that was deleted, or is of another version of the API."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


@dataclass(frozen=True)
class _Job:
    """A query job: its id, the value of the cursor it was asked with, and the largest one seen."""

    id: str
    since: str | None
    highest: str | None
    locator: str = ""

    @property
    def cursor(self) -> dict[str, Any]:
        return {
            "since": self.since, "highest": self.highest, "job": self.id, "locator": self.locator
        }  # fmt: skip


class _LostJobError(Exception):
    """The org does not know the job any more."""


class SalesforceBulkReader:
    """Reads objects of one org by query jobs."""

    def __init__(self, config: SalesforceConfig, context: Context) -> None:
        self._org, self._context = Org(config, context), context
        self._objects = config.objects

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return told(self._org)

    def discover(self) -> list[Stream]:
        """The streams' objects, and the usual ones."""
        return found_streams(self._org, self._context.streams, self._objects)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`.

        A read that was broken off goes on with its job, as long as the org has it; else the same
        records are asked for again, under the same ids.
        """
        try:
            yield from self._read(stream, dict(cursor or {}))
        except StoppedError:
            return

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._org.close()

    def _read(self, stream: str, state: dict[str, Any]) -> Iterator[Page]:
        options: BulkStream = self._context.streams[stream]
        since, seen = state.get("since"), state.get("seen", {})
        if name := state.get("job"):
            job = _Job(name, since, state.get("highest"), state.get("locator", ""))
            try:
                yield from self._parts(stream, options, job, Recent(options, seen))
            except _LostJobError:
                pass
            else:
                return
        job = self._created(stream, options, since)
        # Kept before it is waited for: a read that is killed goes on with it.
        yield Page(pa.table({}), {**job.cursor, **({"seen": seen} if seen else {})})
        try:
            yield from self._parts(stream, options, job, Recent(options, seen))
        except _LostJobError:
            raise ConnectorError(
                f"{self._where(stream)}: somebody deleted its query job {job.id}",
                "it is asked for again at the next read",
            ) from None

    def _created(self, stream: str, options: BulkStream, since: str | None) -> _Job:
        fields = columns_of(self._org, options)
        asked = {
            "operation": "queryAll" if options.deleted else "query",
            "query": query(options, fields, since, ordered=False),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        body = json.dumps(asked).encode()
        made = self._org.json(_JOBS, self._where(stream), method="POST", body=body, headers=_JSON)
        return _Job(str(made["id"]), since, since)

    def _parts(self, stream: str, options: BulkStream, job: _Job, recent: Recent) -> Iterator[Page]:
        """The rest of a job's results, then the job is deleted.

        Raises:
            _LostJobError: the org does not know it.
        """
        self._await(stream, options, job)
        while True:
            answer = self._results(options, job)
            where = f"{self._where(stream)}: job {job.id}"
            rows = _rows(answer.body, where)
            highest = _highest(job.highest, rows, options)
            following = answer.headers.get("sforce-locator", "null")
            ended = following in ("", "null")
            job = _Job(job.id, job.since, highest, "" if ended else following)
            page = _page(rows, options, recent, f"{where}, part {job.locator or 'last'}")
            place: dict[str, Any] = job.cursor
            if ended:
                place = {"since": highest} if highest else {}
            if seen := recent.kept(highest, ended=ended):
                place["seen"] = seen
            yield Page(page.rows, place, places=page.places, ops=page.ops, before=page.before)
            if ended:
                self._give_back(job)
                return

    def _results(self, options: BulkStream, job: _Job) -> Answer:
        params = {
            "maxRecords": options.page_rows,
            **({"locator": job.locator} if job.locator else {}),
        }
        try:
            return self._org.ask(
                f"{_JOBS}/{job.id}/results", params=params, headers={"Accept": "text/csv"}
            )
        except StatusError as error:
            if error.status not in _GONE:
                raise
            raise _LostJobError from error

    def _await(self, stream: str, options: BulkStream, job: _Job) -> None:
        """Wait until there are results, longer each time."""
        pause, waited = _FIRST_PAUSE, 0.0
        stop = self._context.stop
        while True:
            try:
                state = self._org.json(f"{_JOBS}/{job.id}", self._where(stream))
            except StatusError as error:
                if error.status not in _GONE:
                    raise
                raise _LostJobError from error
            except StoppedError:
                self._give_back(job)
                raise
            if state["state"] == "JobComplete":
                return
            if state["state"] == "Aborted":
                raise _LostJobError
            if state["state"] == "Failed":
                self._give_back(job)
                raise ConnectorError(
                    f"{self._where(stream)}: Salesforce could not do the query: "
                    f"{state.get('errorMessage', 'it does not say why')}",
                    "see `fields` and `where`",
                )
            if waited >= options.job_seconds:
                self._give_back(job)
                raise ConnectorError(
                    f"{self._where(stream)}: its job {job.id} is not done after {waited:.0f} s",
                    "ask for less in `where`, or allow more `job_seconds`",
                )
            if stop.wait(pause):
                self._give_back(job)
                raise StoppedError
            waited, pause = waited + pause, min(pause * 1.6, _LONGEST_PAUSE)

    def _give_back(self, job: _Job) -> None:
        """End and delete a job, also while the read is told to end; a failure is no matter."""
        org = self._org.parting()
        with suppress(WeirError, StoppedError):
            state = org.json(f"{_JOBS}/{job.id}", "")["state"]
            if state in ("UploadComplete", "InProgress"):
                body = b'{"state": "Aborted"}'
                org.ask(f"{_JOBS}/{job.id}", method="PATCH", body=body, headers=_JSON)
            org.ask(f"{_JOBS}/{job.id}", method="DELETE")
        org.close()

    def _where(self, stream: str) -> str:
        return f"source {self._context.source}, stream {stream}"


def _rows(body: bytes, where: str) -> pa.Table:
    """The records, every value as text; null where there is none."""
    from pyarrow import csv

    if not body.strip():
        return pa.table({})
    head = body.split(b"\n", 1)[0].decode().strip()
    names = [one.strip('"') for one in head.split(",")]
    try:
        return csv.read_csv(
            io.BytesIO(body),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise ConnectorError(f"{where}: the results are no CSV: {error}") from error


def _highest(known: str | None, rows: pa.Table, options: BulkStream) -> str | None:
    if not options.cursor or options.cursor not in rows.schema.names:
        return known
    import pyarrow.compute as pc

    found: str | None = pc.max(rows[options.cursor]).as_py()
    if known is None or found is None:
        return known or found
    return max(known, found, key=moment_of)


def _page(rows: pa.Table, options: BulkStream, recent: Recent, where: str) -> Page:
    """Rows that are new; deleted ones as rows of nulls, with what they were before."""
    told = _told(rows, options)
    number = {id(one): n for n, one in enumerate(told)}
    fresh = [number[id(one)] for one in recent.new(told)]
    deleted = [told[n].get("IsDeleted") == "true" and options.deleted for n in fresh]
    some = rows.take(pa.array(fresh, pa.int64())) if len(fresh) < rows.num_rows else rows
    places = tuple(f"{where}, record {n + 1}" for n in fresh)
    if not any(deleted):
        return Page(some, None, places=places)
    is_gone = pa.array(deleted)
    return Page(
        _where_not(some, is_gone),
        None,
        places=places,
        ops=tuple("d" if one else "u" for one in deleted),
        before=_where_not(some, pa.array([not one for one in deleted])),
    )


def _told(rows: pa.Table, options: BulkStream) -> Sequence[Mapping[str, Any]]:
    """What tells records and their states apart."""
    names = [one for one in ("Id", options.cursor, "IsDeleted") if one in rows.schema.names]
    told: list[dict[str, Any]] = rows.select(names).to_pylist()
    return told


def _where_not(rows: pa.Table, mask: pa.Array) -> pa.Table:
    """The rows, all null where the mask is true."""
    import pyarrow.compute as pc

    columns = {
        name: pc.if_else(mask, pa.scalar(None, rows[name].type), rows[name])
        for name in rows.schema.names
    }
    return pa.table(columns)
