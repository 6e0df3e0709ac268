"""The engine inside a Dagster run: Spark's session comes through dagster-pyspark."""

from __future__ import annotations

from collections.abc import Callable

from platform_assets.core.settings import EngineName, Settings
from platform_assets.engines.base import Engine

CONNECT = "sc://"


def engines(settings: Settings) -> Callable[[Settings], Engine]:
    """What makes an engine in this run; several share one Spark session.

    A Spark Connect address is attached to by the engine itself: dagster-pyspark builds
    classic sessions only.
    """
    from platform_assets.engines import open_engine

    if settings.engine is not EngineName.SPARK or settings.spark_remote.startswith(CONNECT):
        return open_engine
    from dagster_pyspark import LazyPySparkResource

    from platform_assets.engines.spark.engine import SparkEngine
    from platform_assets.engines.spark.session import configuration

    session = LazyPySparkResource(spark_config=configuration(settings)).spark_session
    session.sparkContext.setLogLevel("ERROR")
    return lambda given: SparkEngine(given, session=session)
