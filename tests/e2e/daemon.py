"""Dagster's daemon, one tick at a time: sensors are evaluated, and what they request is run.

Belongs here: cursors, run keys, runs. Does not belong here: any test, any knowledge of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
"""What a run logs is kept by the instance; the terminal is for the test."""


@dataclass
class Daemon:
    """Does what the daemon does, when it is told to.

    Attributes:
        definitions: of the code location.
        instance: Dagster's.
        said: of each sensor, why it asked for nothing at its last tick.
    """

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    said: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _keys: set[tuple[str, str]] = field(default_factory=set)

    def tick(self, name: str) -> list[dg.ExecuteInProcessResult]:
        """Evaluate a sensor, and run what it requests; a run key runs once."""
        repository = self.definitions.get_repository_def()
        sensor = repository.get_sensor_def(name)
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self._cursors.get(name),
            repository_def=repository,
            sensor_name=name,
        )
        found = sensor.evaluate_tick(context)
        self._cursors[name] = found.cursor
        self.said[name] = found.skip_message or ""
        runs = []
        for request in found.run_requests or ():
            key = (name, request.run_key or "")
            if request.run_key and key in self._keys:
                continue
            self._keys.add(key)
            job = request.job_name or sensor.job_name
            assert job is not None, f"{name} requests a run of no job"
            tags = {**request.tags, "dagster/sensor_name": name}
            runs.append(self.run(job, request.partition_key, request.run_config, tags))
        return runs

    def run(
        self,
        job: str,
        partition: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job of the code location; a failure raises."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            run_config={**(config or {}), **_QUIET},
            tags=dict(tags or {}),
        )

    def told(self, key: dg.AssetKey, limit: int = 100) -> list[dict[str, Any]]:
        """Metadata of an asset's materialisations, newest first, with ``run_id``."""
        records = self.instance.fetch_materializations(key, limit=limit).records
        return [
            {
                **{name: value.value for name, value in found.metadata.items()},
                "run_id": record.run_id,
            }
            for record in records
            if (found := record.asset_materialization) is not None
        ]
