"""The balance of a batch, and data documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.quality import data_docs
from platform_assets.quality.data_docs import write_docs
from platform_assets.quality.outcomes import RuleOutcome, SuiteResult, balance, failed_rules

COUNT = st.integers(0, 10**12)


@given(COUNT, COUNT, COUNT, COUNT)
def test_a_sum_that_is_right_balances(
    published: int, quarantined: int, duplicates: int, dead: int
) -> None:
    records = published + quarantined + duplicates + dead
    assert balance(records, published, quarantined, duplicates, dead).passed


@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_it_balances_exactly_when_the_sum_is_right(
    records: int, published: int, quarantined: int, duplicates: int, dead: int
) -> None:
    outcome = balance(records, published, quarantined, duplicates, dead)
    assert outcome.passed == (records == published + quarantined + duplicates + dead)


@given(st.lists(st.integers(-5, 5), min_size=5, max_size=5))
def test_a_negative_count_never_balances(counts: list[int]) -> None:
    if any(count < 0 for count in counts):
        assert not balance(*counts).passed


def test_the_reason_says_what_is_missing_and_what_to_do() -> None:
    assert "1 lost" in balance(10, 9, 0, 0, 0).reason
    twice = balance(10, 9, 1, 1, 0).reason
    assert "1 counted twice" in twice
    assert "Materialise the window again" in twice


def result(*outcomes: RuleOutcome) -> SuiteResult:
    return SuiteResult("shop.events", 3, 0.1, outcomes)


BAD = RuleOutcome(
    "kind<known>", "expect_x", "kind", False, unexpected=2, examples=("<script>alert(1)</script>",)
)


def test_failed_rules_are_named_with_rows_and_column() -> None:
    assert failed_rules([BAD]) == "kind<known> (2 rows, column kind)"
    assert not result(BAD).success
    assert result(BAD).failures == (BAD,)


def test_a_page_stands_alone_and_escapes_what_came_from_data(tmp_path: Path) -> None:
    written = write_docs(tmp_path, result(BAD), "window <1>/../x")
    assert written.docs is not None
    assert written.docs.parent == tmp_path / "data_docs" / "shop.events"
    page = written.docs.read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_the_index_links_each_page_and_old_pages_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_docs, "KEEP_PAGES", 3)
    for number in range(5):
        write_docs(tmp_path, result(), f"batches-{number}")
        page = tmp_path / "data_docs" / "shop.events" / f"batches-{number}.html"
        # File times on some file systems are coarse.
        import os

        os.utime(page, ns=(number * 10**9, number * 10**9))
    write_docs(tmp_path, result(), "batches-5")
    folder = tmp_path / "data_docs" / "shop.events"
    pages = {page.name for page in folder.glob("batches-*.html")}
    assert pages == {"batches-3.html", "batches-4.html", "batches-5.html"}
    index = (folder / "index.html").read_text()
    assert all(name in index for name in pages)
    assert "batches-2" not in index
