"""Energy meters and machines: regular readings with a load curve, and labelled faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.streams import Drawn
from platform_assets.connectors.simulate.world import Floats, Ints

_SITES = ("Aachen", "Bilbao", "Lyon", "Malmo", "Poznan")
_METERS = 40
_LINES = ("casting", "milling", "painting", "assembly")
_MACHINES = 20
_FAULT_SHARE = 0.04


def _grid(rng: np.random.Generator, count: int, start: int, end: int) -> Ints:
    """Evenly spaced moments with a little jitter; the devices take turns."""
    step = (end - start) / max(count, 1)
    jitter = rng.random(count) * min(step, world.SECOND)
    return np.minimum(start + (np.arange(count) * step + jitter).astype(np.int64), end - 1)


def _episodes(
    rng: np.random.Generator, count: int, devices: int, kinds: tuple[str, ...], longest: int
) -> Iterator[tuple[str, Ints]]:
    """Faults: a kind, and the rows of one device that it covers; no two overlap."""
    taken = np.zeros(count, bool)
    wanted = max(len(kinds), round(count * _FAULT_SHARE / (longest / 2)))
    for number in range(wanted):
        length = int(rng.integers(4, longest))
        rows = int(rng.integers(0, max(count, 1))) + devices * np.arange(length)
        rows = rows[rows < count]
        if len(rows) and not taken[rows].any():
            taken[rows] = True
            yield kinds[number % len(kinds)], rows


class MeterReadings:
    """Power by site and hour; meters that stick, spike, drop out or drift."""

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`."""
        times = _grid(rng, count, start, end)
        meter = np.arange(count) % _METERS
        base = 20 + 2.2 * meter
        load = 0.35 + 0.55 * world.season(times)
        power = base * load * rng.normal(1.0, 0.04, count).clip(0.7, 1.3)
        voltage = rng.normal(230.0, 1.5, count)
        fault: list[str | None] = [None] * count
        kinds = ("stuck", "spike", "dropout", "drift")
        for kind, rows in _episodes(rng, count, _METERS, kinds, 24):
            _METER_FAULTS[kind](power, voltage, rows)
            for row in rows.tolist():
                fault[row] = kind
        names = np.array([f"meter-{number + 1:03d}" for number in range(_METERS)], dtype=object)
        sites = np.array(_SITES, dtype=object)
        return Drawn(
            times,
            {
                "meter_id": names[meter].tolist(),
                "site": sites[meter % len(_SITES)].tolist(),
                "power_kw": power.clip(0, 499).round(3).tolist(),
                "voltage_v": voltage.clip(0, 999).round(2).tolist(),
                "fault": fault,
            },
        )


def _stuck(power: Floats, voltage: Floats, rows: Ints) -> None:
    power[rows] = power[rows[0]]
    voltage[rows] = voltage[rows[0]]


def _spike(power: Floats, _voltage: Floats, rows: Ints) -> None:
    power[rows] *= np.where(np.arange(len(rows)) % 4 == 0, 4.0, 1.5)


def _dropout(power: Floats, voltage: Floats, rows: Ints) -> None:
    power[rows] = 0.0
    voltage[rows] = 0.0


def _drift(power: Floats, _voltage: Floats, rows: Ints) -> None:
    power[rows] *= 1 + 0.03 * (1 + np.arange(len(rows)))


_METER_FAULTS: dict[str, Callable[[Floats, Floats, Ints], None]] = {
    "stuck": _stuck,
    "spike": _spike,
    "dropout": _dropout,
    "drift": _drift,
}


class MachineReadings:
    """Temperature, vibration and pressure by shift; machines that wear, overheat or leak."""

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`."""
        times = _grid(rng, count, start, end)
        machine = np.arange(count) % _MACHINES
        hour = (times // world.HOUR) % 24
        load = np.where((hour >= 6) & (hour < 22), 1.0, 0.35)
        temperature = 35 + machine * 0.8 + 22 * load + rng.normal(0, 1.2, count)
        vibration = (0.8 + 0.04 * machine + 1.4 * load) * rng.normal(1, 0.08, count).clip(0.6, 1.4)
        pressure = 4 + 2.2 * load + rng.normal(0, 0.08, count)
        fault: list[str | None] = [None] * count
        kinds = ("bearing_wear", "overheating", "leak", "sensor_stuck")
        for kind, rows in _episodes(rng, count, _MACHINES, kinds, 40):
            age = 1 + np.arange(len(rows))
            if kind == "bearing_wear":
                vibration[rows] *= 1 + 0.12 * age
                temperature[rows] += 0.4 * age
            elif kind == "overheating":
                temperature[rows] += np.minimum(3.0 * age, 80)
            elif kind == "leak":
                pressure[rows] *= 0.94**age
            else:
                temperature[rows] = temperature[rows[0]]
                vibration[rows] = vibration[rows[0]]
                pressure[rows] = pressure[rows[0]]
            for row in rows.tolist():
                fault[row] = kind
        names = np.array([f"machine-{number + 1:02d}" for number in range(_MACHINES)], dtype=object)
        lines = np.array(_LINES, dtype=object)
        return Drawn(
            times,
            {
                "machine_id": names[machine].tolist(),
                "line": lines[machine % len(_LINES)].tolist(),
                "temperature_c": temperature.clip(-49, 399).round(2).tolist(),
                "vibration_mm_s": vibration.clip(0, 199).round(3).tolist(),
                "pressure_bar": pressure.clip(0, 99).round(3).tolist(),
                "fault": fault,
            },
        )
