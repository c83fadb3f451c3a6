"""Equal numbers as the reference package `linear-cae` 0.1.4, on shared random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from tests.codecs.lincae.models import FRONTEND, NARROW, OTHER, audio, randomise
from tests.parity.reference import load_reference

linear_cae = load_reference()


@pytest.fixture(autouse=True)
def _numpy_for_the_reference() -> None:
    # Its Fourier embedding uses numpy without importing it.
    load_reference("linear_cae.components.blocks").np = np


class SharedNoise:
    """Takes the place of torch's generators while the reference decodes, and notes what it drew."""

    def __init__(self, rows: int, shape: tuple[int, ...], seed: int) -> None:
        self.noise = torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))
        self._row = 0
        self._current = self.noise

    def randn(self, shape: tuple[int, ...], **_: Any) -> torch.Tensor:
        self._current = self.noise[self._row : self._row + shape[0]]
        self._row += shape[0]
        return self._current.clone()

    def randn_like(self, _: torch.Tensor) -> torch.Tensor:
        return self._current.clone()


def pair(options: dict[str, Any], scale_factor: float, **chunking: Any) -> tuple[Any, Autoencoder]:
    theirs = linear_cae.Autoencoder(FRONTEND, dict(options), {}, scale_factor=scale_factor, **chunking)
    randomise(theirs.generator)
    theirs.eval()
    ours = Autoencoder(FRONTEND, dict(options), {}, scale_factor=scale_factor, precision="fp32", **chunking)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    assert found.shape == expected.shape
    found, expected = found.detach(), expected.detach()
    return float((found - expected).norm() / expected.norm())


@pytest.fixture(
    params=[(NARROW, 15.0), (NARROW, 33.0), (NARROW, 40.0), (OTHER, 1.0)], ids=["m2l", "lin-cae", "lin-cae-2", "other"]
)
def layout(request: pytest.FixtureRequest) -> tuple[dict[str, Any], float]:
    return request.param


@pytest.mark.parametrize(
    ("samples", "batch", "chunking", "steps"),
    [
        (12_001, 3, {"max_batch_size": 2}, 1),
        (10_001, 2, {}, 4),
        (33_003, 2, {"max_chunk_size": 15_000, "overlap_percentage": 0.25, "max_batch_size": 3}, 1),
        (25_007, 1, {"max_chunk_size": 12_571, "overlap_percentage": 0.4}, 4),
        (19_000, 1, {"max_chunk_size": 10_000, "overlap_percentage": 0.0}, 1),
    ],
)
def test_latents_and_audio_equal_the_references(
    layout: tuple[dict[str, Any], float],
    samples: int,
    batch: int,
    chunking: dict[str, Any],
    steps: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference, ours = pair(*layout, **chunking)
    x = audio(samples, batch)
    expected = reference.encode(x)
    latents = ours.encode(x)
    assert relative_error(latents, expected) < 1e-4
    assert float(expected.detach().std()) > 0.01 * layout[1]
    frames = latents.shape[-1] * ours.config.generator.time_factor
    shared = SharedNoise(int(np.prod(latents.shape[:-2])), (2, 1024, frames), seed=5)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "randn", shared.randn)
        patch.setattr(torch, "randn_like", shared.randn_like)
        sound = reference.decode(expected.detach(), full_length=samples, diffusion_steps=steps)
    decoded = ours.decode(expected.detach(), full_length=samples, noise=shared.noise, diffusion_steps=steps)
    assert relative_error(decoded, sound) < 1e-4
    assert float(sound.std()) > 1e-4


@pytest.mark.parametrize("samples", [2048, 30_000, 44_100, 100_003])
def test_sizes_equal_the_references(layout: tuple[dict[str, Any], float], samples: int) -> None:
    reference, ours = pair(*layout)
    frames = reference.get_latent_size(samples)
    assert ours.get_latent_size(samples) == frames
    assert ours.get_decoded_size(frames) == reference.get_decoded_size(frames)


def test_features_equal_the_references(layout: tuple[dict[str, Any], float]) -> None:
    reference, ours = pair(*layout)
    expected = reference.encode(audio(20_000), extract_features=True)
    assert relative_error(ours.extract_features(audio(20_000)), expected) < 1e-4


def test_state_dicts_have_the_same_keys_and_shapes(layout: tuple[dict[str, Any], float]) -> None:
    reference, ours = pair(*layout)
    shapes = {key: tuple(value.shape) for key, value in reference.state_dict().items()}
    assert {key: tuple(value.shape) for key, value in ours.state_dict().items()} == shapes
