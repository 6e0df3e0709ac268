"""A processor as a job of Flink; run by Flink's own Python, which sees this project's packages too.

Flink keeps its place in checkpoints and ends its Kafka transactions with them, so for readers of
committed records each result is there once. Started again, a job goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.connectors.produce import Record
from platform_assets.core.retry import Retry
from platform_assets.processors import positions
from platform_assets.processors.records import LETTER_HEADERS
from platform_assets.processors.scaled.program import LogRecord, Program

if TYPE_CHECKING:
    import pandas as pd

_STOPPING = Retry(attempts=None, seconds=120, pause=0.5, longest=2)


@dataclass(frozen=True)
class Job:
    """What is run.

    Attributes:
        program: what each worker calls on its share of the partitions.
        jar: file of Flink's Kafka connector.
        checkpoints: folder in which Flink keeps its place.
        until_end: end when all that was there at the start is processed.
        parallelism: workers.
        seconds: between two checkpoints; results are seen after the next one.
        master: ``host:port`` of a cluster's REST endpoint; empty: within this process.
    """

    program: Program
    jar: str
    checkpoints: str
    until_end: bool = False
    parallelism: int = 1
    seconds: float = 1.0
    master: str = ""


def main() -> None:
    """Run the :class:`Job` that the file named on the command line holds, to its end."""
    # MLflow imports Spark where it finds it, which would convert what Flink's gateway is given.
    sys.modules["pyspark"] = None  # type: ignore[assignment]
    job = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 - written by who starts it
    run(job)


def run(job: Job) -> None:
    """Run a job to its end.

    Raises:
        Exception: Flink's, where the job fails more often than it may.
    """
    from pyflink.common import Configuration
    from pyflink.table import EnvironmentSettings, TableEnvironment

    configuration = Configuration()
    for name, value in _options(job).items():
        configuration.set_string(name, value)
    environment = TableEnvironment.create(
        EnvironmentSettings.new_instance()
        .in_streaming_mode()
        .with_configuration(configuration)
        .build()
    )
    results, letters = job.program.written
    environment.execute_sql(_source(job))
    environment.execute_sql(_sink(job, "results", results, ""))
    environment.execute_sql(
        _sink(job, "letters", letters, ", `headers` MAP<STRING, BYTES> METADATA")
    )
    made = environment.from_path("records").map(_results(job.program))
    environment.create_temporary_view("made", made.alias("topic", "key", "value", "headers"))
    statements = environment.create_statement_set()
    statements.add_insert_sql(
        f"INSERT INTO results SELECT `key`, `value` FROM made WHERE `topic` = '{results}'"  # noqa: S608 - a contract's topic
    )
    statements.add_insert_sql(
        f"INSERT INTO letters SELECT `key`, `value`, {_headers()} FROM made "  # noqa: S608 - the same
        f"WHERE `topic` = '{letters}'"
    )
    running = statements.execute()
    if job.until_end:
        client = running.get_job_client()
        _wait_for_end(job, client)
        # What is open is committed with the savepoint, from which the next run goes on.
        _STOPPING.on(_is_starting)(_stop, client, Path(job.checkpoints).as_uri())
    running.wait()


def _stop(client: Any, folder: str) -> None:
    from pyflink.java_gateway import get_gateway

    kind = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
    client._j_job_client.stopWithSavepoint(False, folder, kind).get()


def _is_starting(error: BaseException) -> bool:
    """Whether Flink could not stop because not all of the job runs yet."""
    return "Not all required tasks are currently running" in str(error)


def _wait_for_end(job: Job, client: Any) -> None:
    """Until all that is in the log now is taken; Flink says where it is with each checkpoint."""
    settings = job.program.settings
    seconds = settings.request_timeout_seconds
    consumer = positions.asker(settings, group_of(job.program.definition.name))
    try:
        end = positions.ends(consumer, job.program.topics, seconds)
        while positions.wait(consumer, end, positions.committed(consumer, end, seconds), seconds):
            if client.get_job_status().result().name in ("FAILED", "CANCELED"):
                return
            time.sleep(job.seconds / 2)
    finally:
        consumer.close()


def group_of(name: str) -> str:
    """Consumer group of a processor on Flink: it only says how far the job is."""
    return f"weir-flink-{name}"


def _options(job: Job) -> dict[str, str]:
    options = {
        "pipeline.name": f"weir processor {job.program.definition.name}",
        "pipeline.jars": Path(job.jar).as_uri(),
        "parallelism.default": str(job.parallelism),
        "execution.checkpointing.interval": f"{int(job.seconds * 1000)} ms",
        "execution.checkpointing.dir": Path(job.checkpoints).as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": "10",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.arrow.batch.size": "1000",
        "python.fn-execution.bundle.size": "1000",
        "python.fn-execution.bundle.time": "50",
    }
    if job.master:
        host, _, port = job.master.rpartition(":")
        options |= {
            "execution.target": "remote",
            "rest.address": host,
            "rest.port": port,
        }
    if place := last_checkpoint(Path(job.checkpoints)):
        options["execution.state-recovery.path"] = place.as_uri()
    return options


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint or savepoint that was completed; None before the first."""
    found = (*folder.glob("*/chk-*/_metadata"), *folder.glob("savepoint-*/_metadata"))
    done = [one.parent for one in found]
    return max(done, key=lambda one: (one / "_metadata").stat().st_mtime, default=None)


def _kafka(job: Job) -> str:
    return (
        f"'connector' = 'kafka', "
        f"'properties.bootstrap.servers' = '{job.program.settings.kafka_bootstrap}', "
        "'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', "
        "'value.fields-include' = 'EXCEPT_KEY'"
    )


def _source(job: Job) -> str:
    return f"""CREATE TABLE records (
        `key` BYTES, `value` BYTES,
        `topic` STRING METADATA VIRTUAL, `partition` INT METADATA VIRTUAL,
        `offset` BIGINT METADATA VIRTUAL, `timestamp` TIMESTAMP(3) METADATA VIRTUAL
    ) WITH ({_kafka(job)}, 'topic' = '{";".join(job.program.topics)}',
        'properties.group.id' = '{group_of(job.program.definition.name)}',
        'properties.isolation.level' = 'read_committed',
        'scan.startup.mode' = 'earliest-offset')"""


def _sink(job: Job, name: str, topic: str, more: str) -> str:
    return f"""CREATE TABLE {name} (`key` BYTES, `value` BYTES{more})
    WITH ({_kafka(job)}, 'topic' = '{topic}',
        'sink.delivery-guarantee' = 'exactly-once',
        'sink.transactional-id-prefix' = 'weir-flink-{job.program.definition.name}-{name}',
        'properties.transaction.timeout.ms' = '600000',
        'properties.compression.type' = 'lz4')"""


def _headers() -> str:
    """The headers of a dead letter, from their JSON."""
    pairs = (
        f"'{one}', ENCODE(JSON_VALUE(`headers`, '$.{one}'), 'UTF-8')" for one in LETTER_HEADERS
    )
    return f"MAP[{', '.join(pairs)}]"


def _results(program: Program) -> Any:
    """The program as a function over columns: one row for each record, null where it makes none."""
    from pyflink.table import DataTypes
    from pyflink.table.udf import udf

    kind = DataTypes.ROW(
        [
            DataTypes.FIELD("topic", DataTypes.STRING()),
            DataTypes.FIELD("key", DataTypes.BYTES()),
            DataTypes.FIELD("value", DataTypes.BYTES()),
            DataTypes.FIELD("headers", DataTypes.STRING()),
        ]
    )

    def made(rows: pd.DataFrame) -> pd.DataFrame:
        return _frame(program(_records(rows)), len(rows))

    return udf(made, result_type=kind, func_type="pandas")


def _records(rows: pd.DataFrame) -> list[LogRecord]:
    key, value, topic, part, at, times = (rows.iloc[:, place].tolist() for place in range(6))
    return [
        LogRecord(*place, int(moment.value // 1_000_000), _bytes(name), _bytes(body))
        for place, moment, name, body in zip(
            zip(topic, part, at, strict=True), times, key, value, strict=True
        )
    ]


def _bytes(value: Any) -> bytes | None:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None


def _frame(made: Sequence[Record], rows: int) -> pd.DataFrame:
    """As many rows as came in."""
    import pandas as pd

    filled: list[tuple[Any, ...]] = [
        (
            one.topic, one.key, one.value,
            json.dumps({name: text.decode() for name, text in one.headers}),
        )
        for one in made
    ]  # fmt: skip
    filled += [(None, None, None, None)] * (rows - len(filled))
    return pd.DataFrame(filled, columns=["topic", "key", "value", "headers"], dtype=object)


if __name__ == "__main__":
    main()
