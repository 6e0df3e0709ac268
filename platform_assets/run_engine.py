"""The engine inside a Dagster run: Spark's session comes through dagster-pyspark.

Belongs here: handing dagster-pyspark's session to the Spark engine. Does not belong here:
engines (no Dagster there), or which settings a session has (``engines/spark_session.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from platform_assets.engines.base import Engine
from platform_assets.settings import EngineName, Settings

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

    from platform_assets.engines.spark import SparkEngine
    from platform_assets.engines.spark_session import configuration

    session = LazyPySparkResource(spark_config=configuration(settings)).spark_session
    session.sparkContext.setLogLevel("ERROR")
    return lambda given: SparkEngine(given, session=session)
