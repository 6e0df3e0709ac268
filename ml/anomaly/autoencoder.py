"""Training the LSTM autoencoder.

The same windows and settings give the same weights, byte for byte, on one kind of machine: one
thread, deterministic algorithms, a seed of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.anomaly.errors import AnomalyError
from ml.anomaly.reconstruction import SHAPES, WIDTH, standardised
from ml.anomaly.state import Floats


@dataclass(frozen=True)
class Fit:
    """How the network is trained: one configuration for all series.

    Attributes:
        hidden: units of each LSTM.
        steps: gradient steps, whatever the number of windows.
        batch: windows a step.
        rate: Adam's learning rate; it falls to 0 along half a cosine.
        noise: deviation of the noise on what the encoder reads, in deviations of the series: a
            network that copies its input rebuilds anything.
        seed: of weights, order and noise.
    """

    hidden: int = 16
    steps: int = 300
    batch: int = 128
    rate: float = 1e-2
    noise: float = 0.1
    seed: int = 7


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        weights: name -> float32 array, see :data:`.reconstruction.SHAPES`.
        loss: mean squared error of the last tenth of the steps, in variances of the series.
        windows: how many it was trained on.
    """

    weights: dict[str, Floats]
    loss: float
    windows: int


def moments(values: Floats) -> tuple[float, float]:
    """Mean and deviation of the training values, shape (n,), of one series."""
    return float(values.mean()), float(values.std())


def windows(series: Sequence[Floats]) -> Floats:
    """All windows of standardised series, shape (n, width).

    Args:
        series: each of shape (rows,), values in time order; those shorter than a window are left
            out.
    """
    parts = [
        np.lib.stride_tricks.sliding_window_view(standardised(values, moments(values)), WIDTH)
        for values in series
        if values.size >= WIDTH
    ]
    return np.concatenate(parts) if parts else np.empty((0, WIDTH))


def train(examples: Floats, fit: Fit | None = None) -> Trained:
    """Fit the network to windows that are taken as ordinary.

    Args:
        examples: shape (n, width), standardised; see :func:`windows`.
        fit: settings; the one configuration by default.

    Raises:
        AnomalyError: there are no windows, or the loss is no number.
    """
    if not len(examples):
        raise AnomalyError("no window to train on", f"give {WIDTH} values or more")
    import torch

    fit = fit or Fit()
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fit.seed)
            return _fitted(examples, fit)
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)


def _fitted(examples: Floats, fit: Fit) -> Trained:
    import torch
    from torch import nn

    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.LSTM(1, fit.hidden, batch_first=True)
            self.decoder = nn.LSTM(fit.hidden, fit.hidden, batch_first=True)
            self.output = nn.Linear(fit.hidden, 1)

        def forward(self, window: torch.Tensor) -> torch.Tensor:
            _, (hidden, _) = self.encoder(window)
            repeated = hidden[-1][:, None, :].expand(-1, window.shape[1], -1).contiguous()
            written, _ = self.decoder(repeated)
            rebuilt: torch.Tensor = self.output(written)
            return rebuilt

    network = Autoencoder()
    data = torch.from_numpy(np.ascontiguousarray(examples, dtype=np.float32))[:, :, None]
    optimiser = torch.optim.Adam(network.parameters(), lr=fit.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fit.steps)
    losses = []
    for _ in range(fit.steps):
        batch = data[torch.randint(len(data), (min(fit.batch, len(data)),))]
        rebuilt = network(batch + fit.noise * torch.randn_like(batch))
        # Newest first: the decoder writes the window backwards.
        loss = nn.functional.mse_loss(rebuilt, batch.flip(1))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    last = float(np.mean(losses[-max(1, fit.steps // 10) :]))
    if not np.isfinite(last):
        raise AnomalyError(f"the network's loss is {last}", "look for extreme values in the series")
    kept = network.state_dict()
    return Trained({name: kept[name].numpy().copy() for name in SHAPES}, last, len(data))
