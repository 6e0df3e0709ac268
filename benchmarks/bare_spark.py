"""A bare PySpark job: what Weir's Spark engine is held against.

Belongs here: the same work written by hand for one topic on the same session: a batch read of
exact offsets, ``from_avro``, the same bronze, silver and quarantine tables, deduplication
within and across batches. No ledger, no contract, no checks, no locks. Does not belong here:
anything of Weir's but the session's settings and the tables' columns.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.request import urlopen

from benchmarks import events
from benchmarks.clickstream import RULES
from benchmarks.process import cpu_seconds
from platform_assets.core.settings import Settings, get_settings
from platform_assets.engines import layout
from platform_assets.engines.spark.session import open_session
from platform_assets.engines.spark.tables import columns
from platform_assets.streaming.plan import Extent, plan_ranges

_SILVER = [
    "event_id", "user_id", "product_id", "event_type", "price", "timestamp",
    "to_date(timestamp) AS event_date", "_micro_batch", "kafka_partition AS _kafka_partition",
    "kafka_offset AS _kafka_offset", "kafka_timestamp AS _kafka_timestamp",
]  # fmt: skip


def ingest(entity: str, warm_entity: str, root: str) -> dict[str, Any]:
    """Land and publish a whole topic, after a small one has warmed the session."""
    settings = get_settings()
    session, _ = open_session(settings)
    _Job(settings, session, warm_entity, f"{root}/warm").run()
    return _Job(settings, session, entity, root).run()


class _Job:
    def __init__(self, settings: Settings, session: Any, entity: str, root: str) -> None:
        contract = events.contract_for(entity)
        self._settings, self._session = settings, session
        self._topic = str(contract.topic)
        self._extents = {p: Extent(0, end) for p, end in events.ends(settings, entity).items()}
        self._schema = _schema(settings, self._topic)
        self._paths: dict[str, tuple[str, list[str]]] = {}
        shapes = {"bronze": layout.bronze(contract), "silver": layout.silver(contract),
                  "quarantine": layout.quarantine(contract)}  # fmt: skip
        for name, shape in shapes.items():
            path = f"{root}/{shape.table.path}"
            properties = ", ".join(f"'{k}' = '{v}'" for k, v in shape.properties.items())
            session.sql(
                f"CREATE TABLE delta.`{path}` ({columns(shape.schema)}) USING delta "
                f"PARTITIONED BY (`{shape.partition}`) TBLPROPERTIES ({properties})"
            )
            self._paths[name] = path, shape.schema.names

    def run(self) -> dict[str, Any]:
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
        from pyspark.sql.window import Window

        started, cpu = time.perf_counter(), cpu_seconds()
        totals = dict.fromkeys(("records", "published", "quarantined", "duplicates"), 0)
        offsets: dict[int, int] = {}
        batches = 0
        limit = self._settings.batch_max_records
        while ranges := plan_ranges(self._topic, self._extents, offsets, limit):
            batches += 1
            offsets |= {item.partition: item.end for item in ranges}
            bronze = self._decode(batches, ranges).persist()
            self._append("bronze", bronze)
            rows = bronze.withColumn("timestamp", F.col("occurred_at")).withColumn(
                "latest", F.expr("kafka_timestamp + INTERVAL 3600 SECONDS")
            )
            names = [F.when(F.expr(where), F.lit(rule)) for rule, where, _ in RULES]
            texts = [F.when(F.expr(where), F.lit(text)) for _, where, text in RULES]
            rejected = rows.withColumn("rule", F.coalesce(*names)).where("rule IS NOT NULL")
            rejected = rejected.withColumn("rules", F.concat_ws(",", *names)).withColumn(
                "reason", F.coalesce(*texts)
            )
            broken = " OR ".join(f"coalesce({where}, false)" for _, where, _ in RULES)
            good = rows.where(f"NOT ({broken})").selectExpr(*_SILVER)
            by = ["event_id", "event_date"]
            order = Window.partitionBy(*by).orderBy("_kafka_partition", "_kafka_offset")
            first = good.withColumn("_n", F.row_number().over(order)).where("_n = 1").drop("_n")
            silver = first
            if batches > 1:
                dates = [row[0] for row in good.select("event_date").distinct().collect()]
                held = self._session.read.format("delta").load(self._paths["silver"][0])
                held = held.where(held.event_date.isin(dates)).select(*by)
                silver = first.join(held, on=by, how="left_anti")
            self._append("silver", silver)
            self._append("quarantine", rejected)
            bronze.unpersist()
        seconds, spent = time.perf_counter() - started, cpu_seconds() - cpu
        for key, name in (("records", "bronze"), ("published", "silver"),
                          ("quarantined", "quarantine")):  # fmt: skip
            path = self._paths[name][0]
            totals[key] = self._session.read.format("delta").load(path).count()
        totals["duplicates"] = totals["records"] - totals["published"] - totals["quarantined"]
        return {"seconds": seconds, "cpu_seconds": spent, "batches": batches, **totals}

    def _decode(self, number: int, ranges: Any) -> Any:
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
        from pyspark.sql.avro.functions import from_avro

        topic = self._topic
        raw = (
            self._session.read.format("kafka")
            .option("kafka.bootstrap.servers", self._settings.kafka_bootstrap)
            .option("assign", json.dumps({topic: [item.partition for item in ranges]}))
            .option("startingOffsets", json.dumps({topic: {r.partition: r.start for r in ranges}}))
            .option("endingOffsets", json.dumps({topic: {r.partition: r.end for r in ranges}}))
            .option("includeHeaders", "true")
            .load()
        )
        body = F.expr("substring(value, 6)")
        decoded = raw.withColumn("e", from_avro(body, self._schema, {"mode": "PERMISSIVE"}))
        payload = [f"e.after.{name} AS {name}"
                   for name in ("user_id", "product_id", "event_type", "price")]  # fmt: skip
        fields = ("event_id", "source", "entity", "op", "occurred_at", "ingested_at")
        envelope = [f"e.{name} AS {name}" for name in fields]
        return decoded.selectExpr(
            f"CAST({number} AS bigint) AS _micro_batch",
            "to_date(timestamp) AS ingest_date",
            "partition AS kafka_partition",
            "offset AS kafka_offset",
            "timestamp AS kafka_timestamp",
            "key AS kafka_key",
            "IF(size(headers) > 0, headers, NULL) AS kafka_headers",
            "value AS kafka_value",
            "CAST(conv(hex(substring(value, 2, 4)), 16, 10) AS int) AS schema_id",
            "IF(e IS NULL, 'not decodable', NULL) AS decode_error",
            "CAST(NULL AS string) AS type_errors",
            *envelope,
            "to_json(e.before) AS before",
            *payload,
        )

    def _append(self, name: str, rows: Any) -> None:
        path, names = self._paths[name]
        rows.select(*names).write.format("delta").mode("append").save(path)


def _schema(settings: Settings, topic: str) -> str:
    address = f"{settings.registry_url}/subjects/{topic}-value/versions/latest"
    with urlopen(address, timeout=settings.request_timeout_seconds) as answer:
        return str(json.load(answer)["schema"])
