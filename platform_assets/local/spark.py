"""Spark Connect: one local Spark session behind a socket, for ``WEIR_ENGINE=spark``."""

from __future__ import annotations

import sys

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import fetch
from platform_assets.local.java import package_folder, spark_java_home
from platform_assets.local.model import Server, data_dir

NAME = "spark"
_DELTA = "io.delta.sql.DeltaSparkSessionExtension"
_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    port = settings.port_base + 7
    jars = fetch.folder_of("spark", cache=settings.cache)
    configuration = {
        "spark.connect.grpc.binding.address": LOOPBACK,
        "spark.connect.grpc.binding.port": port,
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.ui.enabled": "false",
        "spark.sql.extensions": _DELTA,
        "spark.sql.catalog.spark_catalog": _CATALOG,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": 4,
        "spark.databricks.delta.snapshotPartitions": 2,
        "spark.sql.warehouse.dir": data_dir(settings, NAME) / "warehouse",
        "spark.local.dir": data_dir(settings, NAME) / "tmp",
        "spark.driver.extraClassPath": f"{jars}/*",
    }
    home = package_folder("pyspark")
    pairs = [f"{key}={value}" for key, value in configuration.items()]
    return Server(
        name=NAME,
        version="4.1.3",
        command=(
            str(home / "bin" / "spark-submit"),
            *("--master", "local[2]", "--driver-memory", "1g"),
            *(part for pair in pairs for part in ("--conf", pair)),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            "spark-internal",
        ),
        ports=(port,),
        probe=lambda: _answers(port),
        folder=settings.home,
        bundles=("spark",),
        environment=lambda: _environment(home),
        prepare=lambda: _prepare(settings),
        scheme="sc",
        timeout=300,
        memory_mb=1300,
    )


def _environment(home: object) -> dict[str, str]:
    java_home = spark_java_home()
    return {
        "SPARK_HOME": str(home),
        "JAVA_HOME": str(java_home or ""),
        "MALLOC_ARENA_MAX": "2",
        # Its workers decode with this project's own code.
        "PYSPARK_PYTHON": sys.executable,
    }


def _prepare(settings: Settings) -> None:
    if spark_java_home() is None:
        raise WeirError(
            "Spark needs a full JDK 17 or 21, and there is none here",
            "run `apt-get install openjdk-17-jre-headless`, or set WEIR_SPARK_JAVA_HOME",
        )
    for name in ("warehouse", "tmp"):
        (data_dir(settings, NAME) / name).mkdir(parents=True, exist_ok=True)


def _answers(port: int) -> bool:
    import grpc

    with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=3)
    return True
