"""Equal gradients as the reference package `linear-cae` 0.1.4, through encoder and decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from tests.codecs.lincae.models import TINY, TINY_FRONTEND, randomise
from tests.parity.reference import load_reference

linear_cae = load_reference()

_STEPS = 10


def pair(**options: Any) -> tuple[Any, Autoencoder]:
    theirs = linear_cae.Autoencoder(TINY_FRONTEND, TINY, {}, scale_factor=3.0, **options).eval()
    randomise(theirs.generator)
    ours = Autoencoder(TINY_FRONTEND, TINY, {}, scale_factor=3.0, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def sound(samples: int = 2000, batch: int = 2) -> Tensor:
    """Without silence, where gradients of the reference are NaN."""
    return 0.2 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def gradients(model: Any) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in model.generator.named_parameters() if weight.grad is not None}


def assert_equal(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    assert float(expected.norm()) > 0.0
    assert float((found - expected).norm() / expected.norm()) < tolerance


def assert_equal_gradients(ours: Autoencoder, theirs: Any) -> None:
    found, expected = gradients(ours), gradients(theirs)
    assert found.keys() == expected.keys()
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in expected.items():
        assert float((found[name] - gradient).norm()) < 1e-4 * max(float(gradient.norm()), 1e-3 * largest), name


@pytest.mark.parametrize("chunking", [{}, {"max_chunk_size": 900}], ids=["whole", "chunks"])
def test_encoding_has_the_references_gradients(chunking: dict[str, Any]) -> None:
    inputs = []
    models = pair(**chunking)
    for model in models:
        x = sound().requires_grad_()
        model.encode(x).square().mean().backward()
        assert x.grad is not None
        inputs.append(x.grad)
    theirs, ours = models
    assert_equal(inputs[1], inputs[0])
    assert_equal_gradients(ours, theirs)
    assert set(gradients(ours)) == {name for name, _ in ours.generator.named_parameters() if name.startswith("encoder")}


def _encode(model: Any, x: Tensor) -> Tensor:
    latents: Tensor = model.encode(x)
    return (latents - latents.detach().roll(1, 0)).square().mean() + (latents.abs() - 1.0).square().mean()


def _decode(model: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        latents = model.encode(x)
    torch.manual_seed(0)
    decoded: Tensor = model.decode(latents, x.shape[-1])
    return (decoded - x[:, : decoded.shape[-1]]).square().mean()


def _both(model: Any, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    decoded: Tensor = model.decode(model.encode(x), x.shape[-1])
    return (decoded - x[:, : decoded.shape[-1]]).square().mean()


@pytest.mark.parametrize(
    ("loss", "chunking"),
    [(_encode, {}), (_decode, {}), (_both, {"max_chunk_size": 900, "max_batch_size": 2})],
    ids=["encode", "decode", "both-in-chunks"],
)
def test_fine_tuning_matches_the_reference(loss: Callable[[Any, Tensor], Tensor], chunking: dict[str, Any]) -> None:
    models = pair(enable_grad_denoise=True, **chunking)
    theirs, ours = models
    x = sound()
    optimizers = [torch.optim.SGD(model.parameters(), lr=1e-3) for model in models]
    courses: tuple[list[float], list[float]] = ([], [])
    for _ in range(_STEPS):
        for model, optimizer, course in zip(models, optimizers, courses, strict=True):
            optimizer.zero_grad()
            value = loss(model, x)
            value.backward()
            course.append(float(value.detach()))
        assert_equal_gradients(ours, theirs)
        for model, optimizer in zip(models, optimizers, strict=True):
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    assert courses[1] == pytest.approx(courses[0], rel=1e-4)
    assert courses[1][-1] < courses[1][0]


@pytest.mark.parametrize("enabled", [True, False])
def test_decoding_has_gradients_where_the_references_has(enabled: bool) -> None:
    for model in pair(enable_grad_denoise=enabled):
        latents = torch.ones(1, 8, 4, requires_grad=True)
        assert model.decode(latents).requires_grad == enabled
        with torch.no_grad():
            assert not model.decode(latents).requires_grad
            assert not model.encode(sound()).requires_grad
        model.diffusion.enable_grad_denoise = not enabled
        assert model.decode(latents).requires_grad != enabled
