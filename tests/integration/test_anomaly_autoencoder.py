"""The LSTM autoencoder: the same bytes from the same windows, and NumPy says what PyTorch says."""

from __future__ import annotations

import numpy as np
import pytest

from ml.anomaly.autoencoder import Fit, moments, train, windows
from ml.anomaly.errors import AnomalyError
from ml.anomaly.reconstruction import NEWEST, WIDTH, Network, Reconstruction, standardised
from ml.store.artefact import write_tensors

QUICK = Fit(steps=120, batch=64)


def daily(rows: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(scale=0.05, size=rows)
    return 20 + 5 * np.sin(2 * np.pi * np.arange(rows) / 48) + noise


def test_training_twice_gives_the_same_file(tmp_path) -> None:
    import torch

    examples = windows([daily(400)])
    for name in ("one", "two"):
        torch.manual_seed(hash(name) % 1000)  # what happens around it does not matter
        write_tensors(train(examples, QUICK).weights, tmp_path / f"{name}.safetensors")
    one, two = ((tmp_path / f"{n}.safetensors").read_bytes() for n in ("one", "two"))
    assert one == two
    other = train(examples, Fit(steps=120, batch=64, seed=8)).weights
    assert not np.array_equal(
        other["output.weight"], train(examples, QUICK).weights["output.weight"]
    )


def test_training_leaves_threads_and_seed_of_the_process_as_they_were() -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    train(windows([daily(100)]), Fit(steps=2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_numpy_rebuilds_what_pytorch_rebuilds() -> None:
    import torch
    from torch import nn

    trained = train(windows([daily(300)]), Fit(steps=20))
    tensors = {name: torch.from_numpy(value) for name, value in trained.weights.items()}
    encoder, decoder = nn.LSTM(1, 16, batch_first=True), nn.LSTM(16, 16, batch_first=True)
    for name, module in (("encoder", encoder), ("decoder", decoder)):
        module.load_state_dict(
            {key.removeprefix(f"{name}."): v for key, v in tensors.items() if key.startswith(name)}
        )
    window = np.random.default_rng(1).normal(size=WIDTH)
    with torch.no_grad():
        _, (hidden, _) = encoder(torch.tensor(window, dtype=torch.float32)[None, :, None])
        written, _ = decoder(hidden[-1][:, None, :].expand(-1, WIDTH, -1).contiguous())
        expected = written @ tensors["output.weight"].T + tensors["output.bias"]
    found = Network(trained.weights).rebuilt(window, NEWEST)
    assert found == pytest.approx(expected[0, :NEWEST, 0].numpy(), abs=1e-5)


def test_what_it_was_trained_on_is_rebuilt_better_than_what_it_never_saw() -> None:
    values = daily(1000)
    trained = train(windows([values[:600]]))
    assert trained.loss < 0.5
    values[800:810] = values[800:810].max() + 15
    detector = Reconstruction(Network(trained.weights), moments(values[:600]))
    scores = [detector.update(n * 1800.0, value) for n, value in enumerate(values.tolist())]
    assert 800 <= int(np.argmax(scores)) < 814
    assert max(scores[800:814]) > 3 * max(scores[100:800])


def test_a_series_too_short_or_too_wild_is_refused_or_cut() -> None:
    with pytest.raises(AnomalyError, match="no window"):
        train(windows([daily(WIDTH - 1)]))
    assert standardised(np.array([1e12]), (0.0, 1.0)).tolist() == [20.0]
    constant = np.full(100, 4.0)
    assert np.array_equal(windows([constant]), np.zeros((77, WIDTH)))
