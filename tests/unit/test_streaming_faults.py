"""What is tried again, and what halts: by what an error says, not by its type."""

from __future__ import annotations

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException

from platform_assets.connectors import registry
from platform_assets.connectors.kafka import MAY_PASS, BrokerUnreachableError, may_pass
from platform_assets.connectors.registry import (
    RegistryAwayError,
    RegistryError,
    SchemaRefusedError,
    SchemaRegistry,
)
from platform_assets.connectors.topics import TopicError
from platform_assets.core import databases, trino
from platform_assets.core.errors import DatabaseAwayError
from platform_assets.core.settings import Settings
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.engines.log import LogRefusedError, LogUnavailableError
from platform_assets.engines.registry import RegistryUnavailableError
from platform_assets.streaming.dead_letters import DeadLetterAwayError, DeadLetterError
from platform_assets.streaming.faults import halt_of, is_away, is_final
from platform_assets.streaming.halts import Halt, Reason
from platform_assets.streaming.microbatch import AuditError
from platform_assets.streaming.plan import LogGapError, LogShorterError
from platform_assets.streaming.whole import ReplayError

ANSWERS = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError.POLICY_VIOLATION,
    KafkaError._BAD_COMPRESSION,
    KafkaError._BAD_MSG,
    KafkaError._NOT_IMPLEMENTED,
    KafkaError._INVALID_ARG,
    KafkaError._AUTHENTICATION,
)


@pytest.mark.parametrize("code", ANSWERS)
def test_an_answer_of_kafka_halts_at_once(code: int) -> None:
    error = KafkaException(KafkaError(code))
    assert not is_away(error)
    assert is_final(error)


@pytest.mark.parametrize("code", sorted(MAY_PASS))
def test_a_broker_that_is_away_is_waited_for(code: int) -> None:
    assert is_away(KafkaException(KafkaError(code)))
    assert not is_final(KafkaException(KafkaError(code)))
    assert not is_away(KafkaException(KafkaError(code, fatal=True))), "this client is done for"


@pytest.mark.parametrize(
    ("error", "away", "final"),
    [
        (BrokerUnreachableError("no answer"), True, False),
        (LogUnavailableError("no answer"), True, False),
        (RegistryUnavailableError("no answer"), True, False),
        (DatabaseAwayError("no answer"), True, False),
        (DeadLetterAwayError("no answer"), True, False),
        (DeadLetterError("too large"), False, True),
        (LogRefusedError("unknown codec"), False, True),
        (RegistryError("forbidden"), False, False),
        (ValueError("a bug: tried eight times"), False, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_error(error: Exception, *, away: bool, final: bool) -> None:
    assert (is_away(error), is_final(error)) == (away, final)


@pytest.mark.parametrize(("status", "away"), [(401, False), (403, False), (422, False),
                                              (429, True), (500, True), (503, True)])  # fmt: skip
def test_a_registry_that_refuses_is_not_away(status: int, *, away: bool) -> None:
    error = registry.SchemaRegistryError(status, status, "said no")
    told = SchemaRegistry(Settings())._failure("schema 7", error)
    assert isinstance(told, RegistryAwayError) == away
    assert "schema 7" in str(told)


def test_a_registry_that_answers_with_something_else_is_not_away() -> None:
    told = SchemaRegistry(Settings())._failure("schema 7", ValueError("no JSON"))
    assert not isinstance(told, RegistryAwayError)
    away = SchemaRegistry(Settings())._failure("schema 7", registry.httpx.ConnectError("refused"))
    assert isinstance(away, RegistryAwayError)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (psycopg.OperationalError("connection refused"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.OperationalError('FATAL: password authentication failed for user "weir"'), False),
        (psycopg.OperationalError('FATAL: role "nobody" does not exist'), False),
        (psycopg.errors.InvalidPassword(), False),
        (psycopg.errors.ProgramLimitExceeded(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_of_postgresql_is_not_an_absence(error: Exception, *, away: bool) -> None:
    assert databases.may_pass(error) == away
    told = databases.unusable(Settings(), "ledger", error)
    assert isinstance(told, DatabaseAwayError) == away


@pytest.mark.parametrize(
    ("text", "answer"),
    [("error 401: no", True), ("error 403", True), ("error 404: b''", True), ("error 429", False),
     ("error 500", False), ("error 503: service unavailable", False), ("reset", False)],
)  # fmt: skip
def test_an_answer_of_trino_is_not_an_absence(text: str, *, answer: bool) -> None:
    assert trino._is_answer(text) == answer


BATCH = MicroBatch(7, (OffsetRange(0, 5, 9),))
GAPS = (OffsetRange(1, 2, 4),)


@pytest.mark.parametrize(
    ("error", "halt"),
    [
        (AuditError("too many"), Halt(Reason.ROWS, 7, BATCH.ranges)),
        (LogGapError("lost", "", GAPS), Halt(Reason.GAP, ranges=GAPS)),
        (LogShorterError("shorter", ""), Halt(Reason.OTHER, 7, BATCH.ranges)),
        (SchemaRefusedError("refused"), Halt(Reason.REFUSED, 7, BATCH.ranges)),
        (TopicError("refused"), Halt(Reason.REFUSED, 7, BATCH.ranges)),
        (ReplayError("gone"), Halt(Reason.RECORDS, 7, BATCH.ranges)),
        (LogRefusedError("too large"), Halt(Reason.OTHER, 7, BATCH.ranges)),
    ],
)
def test_a_halt_says_its_reason_and_its_records_and_only_two_kinds_can_be_accepted(
    error: Exception, halt: Halt
) -> None:
    assert halt_of(error, BATCH) == halt
    assert halt_of(error, BATCH).resuming()
    assert bool(halt.accepting()) == (halt.reason in {Reason.ROWS, Reason.GAP})


def test_a_broker_that_has_just_started_and_has_no_leaders_yet_is_waited_for() -> None:
    said = "Failed to query partition leaders: No leaders found"
    assert may_pass(KafkaException(KafkaError(KafkaError._NOENT, said)))
