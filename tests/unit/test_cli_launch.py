"""What a person is told of a run: its steps, and the root cause of a failure."""

from __future__ import annotations

import graphql
import pytest
from dagster_graphql.schema import create_schema

from platform_assets.cli.launch import _LOGS, _METADATA, RunLog, raised


def event(kind: str, step: str = "", at: float = 0.0, **more: object) -> dict[str, object]:
    return {"__typename": kind, "stepKey": step, "timestamp": str(at * 1000), **more}


def test_steps_are_told_with_their_seconds_and_retries() -> None:
    log = RunLog()

    lines = log.read(
        {
            "cursor": "7",
            "events": [
                event("RunStartEvent", message="Started"),
                event("ExecutionStepStartEvent", "reports__x__facts", 10),
                event("LogMessageEvent", "reports__x__facts", 11, message="reading", level="INFO"),
                event("LogMessageEvent", "reports__x__facts", 11, message="raw", level="DEBUG"),
                event("ExecutionStepUpForRetryEvent", "reports__x__facts", 12),
                event("ExecutionStepSuccessEvent", "reports__x__facts", 12.5),
            ],
        }
    )

    assert lines == ["facts ...", "  reading", "facts: tried again", "facts: 2.5 s"]
    assert log.cursor == "7"


def test_the_root_cause_is_that_of_the_first_step_which_failed() -> None:
    log = RunLog()
    chain = [
        {"error": {"message": "platform_assets.core.errors.WeirError: no Trino;\n weir up"}},
        {"error": {"message": "urllib3.exceptions.MaxRetryError: refused"}},
    ]

    log.read(
        {
            "events": [
                event(
                    "ExecutionStepFailureEvent",
                    "reports__x__facts",
                    error={"message": "dagster._core.errors.StepError: in op", "errorChain": chain},
                ),
                event("RunFailureEvent", error=None, message="Steps failed: ['facts']"),
            ]
        }
    )

    assert log.root_cause == "facts: no Trino; weir up"


def test_a_run_that_failed_before_any_step_says_why() -> None:
    log = RunLog()

    log.read({"events": [event("RunFailureEvent", message="The run's process was killed")]})

    assert log.root_cause == "The run's process was killed"
    assert RunLog().root_cause == "Dagster gives no reason"


def test_words_before_a_colon_that_are_no_class_stay() -> None:
    assert raised({"message": "file.csv, row 3: 'x' is no number", "errorChain": []}) == (
        "file.csv, row 3: 'x' is no number"
    )


def test_the_seconds_of_a_run_are_told_by_what_it_did() -> None:
    log = RunLog()

    log.read(
        {
            "events": [
                event("RunEnqueuedEvent", at=1),
                event("RunDequeuedEvent", at=2.5),
                event("RunStartingEvent", at=3),
                event("RunStartEvent", at=9.5),
                event("ExecutionStepStartEvent", "gold", 10),
                event("LogMessageEvent", "gold", 11, message="dbt itself: 26.1 s", level="INFO"),
                event("LogMessageEvent", "gold", 11, message="took 3 s in all", level="INFO"),
                event("ExecutionStepSuccessEvent", "gold", 45),
            ]
        }
    )

    assert log.seconds == {"queue": 1.5, "process": 7.0, "gold, dbt itself": 26.1, "gold": 35.0}


def test_what_was_made_is_told_in_order() -> None:
    log = RunLog()
    for name in ("sessions", "revenue_per_hour"):
        key = {"path": ["gold", "commerce", name]}
        assert log.read({"events": [event("MaterializationEvent", "gold", assetKey=key)]}) == []
    assert log.made == ["gold/commerce/sessions", "gold/commerce/revenue_per_hour"]


@pytest.mark.parametrize("query", [_LOGS, _METADATA], ids=["logs", "metadata"])
def test_dagster_understands_what_it_is_asked(query: str) -> None:
    schema = create_schema().graphql_schema  # type: ignore[attr-defined]
    assert graphql.validate(schema, graphql.parse(query)) == []
