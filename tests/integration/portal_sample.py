"""A report and rows to show in the portal, small enough to count by hand.

Belongs here: sample documents and a row reader on a table in memory. Does not belong here:
tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from platform_assets.core.trino import Result, TrinoQueryError
from reports.document import Chart, Paragraph, Passage, Report, Section, Span
from reports.facts.model import Derivation, Fact, Kind, Notice, Source
from reports.portal.rows import Row, RowsExpiredError, Stream

NAME = "weekly-commerce"
TABLE = "gold.retail.sales_per_hour"
COLUMNS = ("country", "day", "net_sales")
TYPES = ("varchar", "integer", "decimal(12,2)")
TABLE_ROWS: tuple[Row, ...] = tuple(
    (country, day, Decimal(100 * day + index) / 10)
    for day in range(1, 41)
    for index, country in enumerate(("Germany", "=HYPERLINK(1)", "<b>France</b>"))
)
"""120 rows: three pages of 50, 50 and 20."""

SOURCE = Source(
    sql=f"SELECT sum(net_sales) FROM {TABLE} FOR VERSION AS OF 4711 WHERE note <> '<script>'",
    snapshots={TABLE: 4711},
    rows_sql=f"SELECT country, day, net_sales FROM {TABLE} FOR VERSION AS OF 4711",
    assets=("gold/retail/sales_per_hour",),
)


class TableRows:
    """A :class:`~reports.portal.rows.RowReader` on :data:`TABLE_ROWS`; ``nobody`` sees nothing, and
    ``latecomer`` comes when the snapshot is gone.
    """

    def __init__(self) -> None:
        self.readers: list[str] = []

    def page(self, rows_sql: str, user: str, offset: int, limit: int) -> Result:
        self._refuse(rows_sql, user)
        rows = list(TABLE_ROWS[offset : offset + limit])
        return Result(COLUMNS, TYPES, rows, more=len(TABLE_ROWS) > offset + limit)

    def stream(self, rows_sql: str, user: str, limit: int) -> Stream:
        self._refuse(rows_sql, user)

        def chunks() -> Iterator[Sequence[Row]]:
            for start in range(0, min(limit, len(TABLE_ROWS)), 25):
                yield TABLE_ROWS[start : start + 25]

        return Stream(COLUMNS, TYPES, chunks(), cut=len(TABLE_ROWS) > limit)

    def _refuse(self, rows_sql: str, user: str) -> None:
        assert rows_sql == SOURCE.rows_sql
        self.readers.append(user)
        if user == "latecomer":
            raise RowsExpiredError("Iceberg snapshot ID does not exists: 4711")
        if user == "nobody":
            raise TrinoQueryError("Access Denied: Cannot select from table", "PERMISSION_DENIED")


def sample_report(
    name: str = NAME,
    period: str = "2010-W50",
    net_sales: str = "201340.5",
    *,
    held: str = "",
    word: str = "",
    chart: Chart | None = None,
) -> Report:
    """A report with every kind of part; ``word`` stands in its summary."""
    value = Decimal(net_sales)
    before = Decimal("190000")
    facts = (
        Fact(
            id="net_sales", kpi="net_sales", label="Net sales", kind=Kind.VALUE, value=value,
            unit="GBP", period=period, good="up", source=SOURCE,
        ),
        Fact(
            id="net_sales.previous", kpi="net_sales", label="Net sales", kind=Kind.VALUE,
            value=before, unit="GBP", period="2010-W49", good="up", source=SOURCE,
        ),
        Fact(
            id="net_sales.growth.previous", kpi="net_sales", label="Growth of net sales",
            kind=Kind.GROWTH, value=(value - before) / before * 100, unit="%", decimals=1,
            period=period, compared_to="2010-W49", good="up", source=SOURCE,
            derivation=Derivation(op="growth", of=("net_sales", "net_sales.previous")),
        ),
        Fact(
            id="returns.share", kpi="returns", label="Share of returns", kind=Kind.SHARE,
            value=Decimal("4.2"), unit="%", decimals=1, period=period, good="down", source=SOURCE,
        ),
        Fact(
            id="net_sales.target", kpi="net_sales", label="Target of net sales",
            kind=Kind.TARGET, value=Decimal(210000), unit="GBP", period=period,
        ),
        Fact(
            id="visits", kpi="visits", label="Visits", kind=Kind.VALUE, value=None, unit="visits",
            period=period, source=SOURCE, gap="no events arrived on two days",
        ),
    )  # fmt: skip
    text = f"Net sales came to £201,341, up 6.0% on the week before. {word}".strip()
    spans = (
        Span(start=text.index("£"), end=text.index(","), facts=("net_sales",)),
        Span(start=text.index("6.0%"), end=text.index("6.0%") + 4,
             facts=("net_sales.growth.previous",)),
    )  # fmt: skip
    spans = (spans[0].model_copy(update={"end": text.index("£") + len("£201,341")}), spans[1])
    return Report(
        name=name,
        title="Weekly commerce <report>",
        audience="the board",
        language="en",
        period=period,
        period_label="13 to 19 Dec 2010",
        data_until="2010-12-20T02:11:09Z",
        narrator="template",
        headline=(
            "net_sales", "net_sales.growth.previous", "returns.share", "net_sales.target",
            "visits",
        ),
        summary=(Paragraph(text=text, spans=spans, passages=("plan-3",)),),
        sections=(
            Section(
                id="sales",
                heading="Sales",
                paragraphs=(
                    Paragraph(text="Germany grew <script>alert(1)</script> against the plan."),
                ),
                charts=(chart,) if chart else (),
                table=("net_sales", "net_sales.previous", "returns.share", "visits"),
            ),
        ),
        facts=facts,
        passages=(
            Passage(
                id="plan-3", document="plan.pdf", title="Plan 2010", page=3, heading="Outlook",
                text="December is expected to carry the quarter.",
            ),
        ),
        notices=(Notice(rule="gap", message="Visits are missing for two days."),),
        held=held,
    )  # fmt: skip
