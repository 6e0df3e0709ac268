"""The model of a stream: which detector with which weights, as files and as detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.anomaly.ensemble import DETECTORS
from ml.anomaly.errors import AnomalyError
from ml.anomaly.likelihood import Likelihood
from ml.anomaly.reconstruction import Network, Reconstruction
from ml.anomaly.series import MakeDetector
from ml.anomaly.state import Floats
from ml.anomaly.stream import Detector
from ml.store.artefact import Artefact, Field, Signature, load_tensors, seal, write_tensors

if TYPE_CHECKING:
    from ml.anomaly.definition import Stream
    from platform_assets.core.settings import Settings

AUTOENCODER = "lstm_autoencoder"
DEFAULT = "neighbours"
CANDIDATES = (*DETECTORS, AUTOENCODER)
"""Every detector that a stream may get; ``robust_z`` is the floor."""

_TENSORS = "model.safetensors"

Moments = Mapping[str, Mapping[str, tuple[float, float]]]
"""Series -> signal -> mean and deviation of the training part."""


@dataclass(frozen=True)
class Choice:
    """The model in use.

    Attributes:
        version: in the registry; 0: none is registered, and the default detector does it.
        detector: its name.
        make: makes fresh detectors.
    """

    version: int
    detector: str
    make: MakeDetector


def default_choice() -> Choice:
    """What a stream is watched with until a version is champion."""
    return Choice(0, DEFAULT, maker(DEFAULT))


def maker(
    detector: str, weights: Mapping[str, Floats] | None = None, moments: Moments | None = None
) -> MakeDetector:
    """Makes detectors of a kind.

    Args:
        detector: one of :data:`CANDIDATES`.
        weights: of the autoencoder.
        moments: what series were standardised with in training; others find their own.

    Raises:
        AnomalyError: an unknown detector, or weights that are missing or no numbers.
    """
    if detector == AUTOENCODER:
        network = Network(weights or {})
        known = moments or {}

        def rebuilding(series: str, signal: str) -> Detector:
            return Likelihood(Reconstruction(network, known.get(series, {}).get(signal)))

        return rebuilding
    if detector not in DETECTORS:
        raise AnomalyError(f"no detector {detector!r}", f"there are {', '.join(CANDIDATES)}")
    fresh = DETECTORS[detector]
    return lambda _series, _signal: fresh()


def write(
    folder: Path,
    detector: str,
    metadata: Mapping[str, Any],
    key: bytes,
    weights: Mapping[str, Floats] | None = None,
    moments: Moments | None = None,
) -> None:
    """Write and seal a model's folder.

    Every detector is a safetensors file; one that has no weights holds none.

    Args:
        folder: empty.
        detector: one of :data:`CANDIDATES`.
        metadata: JSON values for people and the registry.
        key: see :func:`ml.store.artefact.artefact_key`.
        weights: of the autoencoder.
        moments: of the autoencoder.
    """
    write_tensors(dict(weights or {}), folder / _TENSORS)
    plain = {
        series: {signal: list(pair) for signal, pair in of.items()}
        for series, of in (moments or {}).items()
    }
    signature = Signature(
        (Field("time", "double"), Field("value", "double")), (Field("score", "double"),)
    )
    seal(
        folder, "safetensors", signature,
        {**metadata, "detector": detector, "moments": plain}, key,
    )  # fmt: skip


def read(artefact: Artefact, version: int) -> Choice:
    """The model in an opened folder.

    Raises:
        AnomalyError: the folder does not contain an anomaly model.
        ArtefactError: a file changed since it was opened.
    """
    detector = artefact.metadata.get("detector")
    if not isinstance(detector, str):
        raise AnomalyError(
            f"{artefact.path} does not contain an anomaly model", "train the stream again"
        )
    moments = {
        series: {signal: (pair[0], pair[1]) for signal, pair in of.items()}
        for series, of in artefact.metadata.get("moments", {}).items()
    }
    return Choice(version, detector, maker(detector, load_tensors(artefact, _TENSORS), moments))


def champion(settings: Settings, stream: Stream) -> Choice:
    """The registry's champion of a stream; the default detector if there is none.

    Raises:
        WeirError: the registry does not answer, or the artefact is of unknown origin.
    """
    from ml.store.artefact import artefact_key, open_artefact
    from ml.store.registry import Registry

    found = Registry(settings).find(stream.model, "champion")
    if found is None:
        return default_choice()
    return read(open_artefact(found.artefact, artefact_key(settings)), found.number)
