"""The Spark session: attached to a Connect server, to a master, or in this process."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Final

from platform_assets.core.settings import LOOPBACK, Settings

CONFIG: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Filling an Arrow list column (the headers) costs the square of the batch: 12 s of 100,000.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "5000",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.databricks.delta.stats.collect": "true",
    # A micro-batch is kept for seconds: compressing it costs more than the memory.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # A checksum beside each commit is computed from the whole state of the table.
    "spark.databricks.delta.writeChecksumFile.enabled": "false",
}
"""What both a Connect session and a session of ours needs."""

_ONE_MACHINE: Final = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.databricks.delta.snapshotPartitions": "1",
}
"""On one machine a stage costs more than it can save: few partitions, planned once."""

_STATIC: Final = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Duser.timezone=UTC",
    "spark.sql.files.maxPartitionBytes": "64m",
}


_lock = threading.Lock()
_users = 0
"""Engines that use this process's session: a stream run has one for each topic."""


def open_session(settings: Settings) -> tuple[Any, bool]:
    """Open a session as ``WEIR_SPARK_REMOTE`` says; all engines of a process share it.

    Returns:
        The session, and whether :func:`release` must be told when it is no longer needed.
    """
    with _lock:
        return _open(settings)


def release(session: Any) -> None:
    """Stop the process's session when its last user is done."""
    global _users  # noqa: PLW0603 - one session a process, as Spark has it
    with _lock:
        _users -= 1
        if _users == 0:
            session.stop()
            # A Connect session marks the whole process; a classic one could not follow it.
            os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


def configuration(settings: Settings) -> dict[str, str]:
    """All that a classic session (in process or on a master) is built with.

    Also sets ``JAVA_HOME`` and ``PYSPARK_PYTHON`` where they are not set: the JVM and its
    Python workers start from this process's environment.
    """
    from platform_assets.local.fetch import spark_jars
    from platform_assets.local.java import spark_java_home

    remote = settings.spark_remote
    static = dict(_STATIC)
    if remote and not remote.startswith("local"):
        static = {name: value for name, value in static.items() if "driver" not in name}
    if home := spark_java_home():
        os.environ.setdefault("JAVA_HOME", str(home))
    # Workers decode with this project's own code, so they run in this very environment.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return {
        "spark.app.name": "weir",
        "spark.master": remote or "local[2]",
        "spark.jars": ",".join(str(jar) for jar in spark_jars()),
        "spark.sql.warehouse.dir": str(settings.home / "spark-warehouse"),
        **static,
        **session_settings(settings),
    }


def session_settings(settings: Settings) -> dict[str, str]:
    """What a session is set to, wherever it runs."""
    remote = settings.spark_remote
    here = remote.startswith(("local", f"sc://{LOOPBACK}", "sc://localhost"))
    return {**CONFIG, **_ONE_MACHINE} if here or not remote else dict(CONFIG)


def _open(settings: Settings) -> tuple[Any, bool]:
    global _users  # noqa: PLW0603 - one session a process, as Spark has it
    from pyspark.sql import SparkSession

    remote = settings.spark_remote
    if remote.startswith("sc://"):
        session = SparkSession.builder.remote(remote).getOrCreate()
        for name, value in session_settings(settings).items():
            session.conf.set(name, value)
        # Its client's threads keep the process from ending: it is stopped like one of ours.
        _users += 1
        return session, True
    active = SparkSession.getActiveSession()
    if active is not None and _users == 0:
        return active, False  # somebody else's (dagster-pyspark, a notebook)
    builder = SparkSession.builder
    for name, value in configuration(settings).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    _users += 1
    return session, True
