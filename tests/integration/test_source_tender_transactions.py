"""Payments: from a file of the shop system's export to Kafka and silver."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from platform_assets.connectors.envelope import event_id
from platform_assets.connectors.files import ingest
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.plan import Broker
from tests.integration.lake import Lake
from tests.integration.test_inbound_topics import records_of

SOURCE = "tender_transactions"
TOPIC = TopicName("payments", "tender_transactions")
HEADER = (
    "id,_fivetran_synced,amount,currency,order_id,payment_details_credit_card_company,"
    "payment_details_credit_card_number,payment_method,processed_at,remote_reference,test,user_id\n"
)
LARGE = 2**53 + 1
"""The first whole number that a 64-bit float does not hold."""


def row(number: int, amount: str, order: int = 7, **fields: str) -> str:
    told = {"company": "", "card": "", "method": "other", "test": "false", "user": "", **fields}
    return (
        f"{number},2022-12-01 06:51:34.004000,{amount},USD,{order},{told['company']},"
        f"{told['card']},{told['method']},2022-11-30 18:14:37.250000,,{told['test']},"
        f"{told['user']}\n"
    )


def test_payments_reach_silver_and_a_wrong_row_the_dead_letters(
    stack: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "payments.csv"
    wrong = row(4, "12,50").replace("12,50", '"12,50"')
    file.write_text(
        HEADER
        + row(LARGE, "2895.74", LARGE + 2)
        + row(2, "-164.72", test="TRUE", user="2001")
        + row(3, "19.99", company="Visa", card="**** **** **** 4242", method="credit_card")
        + wrong
        + row(2, "-164.72", test="TRUE", user="2001")
        + row(3, "20.99")
    )
    result = ingest(stack, file, SOURCE)
    assert (result.events, result.dead_letters, result.conflicts) == (4, 2, 1)
    assert "payments.csv, line 5: amount: '12,50' is not a valid number" in result.files[0].reasons
    dead = {message.value() for message in records_of(stack, TOPIC.dead_letters)}  # type: ignore[attr-defined]
    assert dead == {wrong.encode(), row(3, "20.99").encode()}

    lake = Lake(stack, load_contracts()[TOPIC], None, Broker(stack))  # type: ignore[arg-type]
    lake.run()
    lake.assert_balanced()
    silver = {one["transaction_id"]: one for one in lake.rows().iter_rows(named=True)}
    assert sorted(silver) == [2, 3, LARGE]
    assert silver[LARGE]["order_id"] == LARGE + 2
    assert silver[LARGE]["event_id"] == event_id(SOURCE, str(LARGE))
    assert silver[LARGE]["processed_at"] == datetime(2022, 11, 30, 18, 14, 37, 250_000, tzinfo=UTC)
    assert [silver[n]["amount"] for n in (LARGE, 2, 3)] == [2895.74, -164.72, 19.99]
    assert [silver[n]["is_test"] for n in (LARGE, 2, 3)] == [False, True, False]
    assert (silver[2]["staff_id"], silver[3]["card_number"]) == (2001, "**** **** **** 4242")
    assert silver[LARGE]["card_number"] is None

    again = tmp_path / "again.csv"
    again.write_text(HEADER + row(2, "-164.72", test="TRUE", user="2001") + row(5, "1"))
    assert ingest(stack, again, SOURCE).events == 2
    lake.run()
    assert sorted(lake.rows()["transaction_id"]) == [2, 3, 5, LARGE]


def test_what_names_a_person_is_marked() -> None:
    columns = load_contracts()[TOPIC].columns
    hidden = {column.name for column in columns if column.pii}
    assert hidden == {"card_number", "remote_reference", "staff_id"}
