"""The augmentation: what it does to a batch, and that it makes another, plain autoencoder linear."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lincae_studio.training.linearity import Combination, Gains, draw_combination, premixed


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_combination_is_the_items_then_their_mixtures_with_gains() -> None:
    x = torch.randn(3, 5)
    combination = Combination(torch.tensor([0.5, 0.75, 1.0]), torch.tensor([1.0, 2.0, 0.0, 1.0, 0.5, 3.0]))
    out = combination(x)
    torch.testing.assert_close(out[0], x[0])
    torch.testing.assert_close(out[1], 2.0 * x[1])
    assert not out[2].any()
    torch.testing.assert_close(out[3], 0.5 * x[0] + 0.5 * x[2])
    torch.testing.assert_close(out[4], 0.5 * (0.75 * x[1] + 0.25 * x[0]))
    torch.testing.assert_close(out[5], 3.0 * x[2])


def test_latents_of_mixtures_are_replaced_by_the_combination_of_latents() -> None:
    audio, latents = 0.1 * torch.randn(4, 100), torch.randn(4, 8, 6)
    combination = draw_combination(audio, Gains(), seeded(1))
    replaced = combination(latents)
    assert replaced.shape == (8, 8, 6)
    w, g = combination.weights[2], combination.gains
    torch.testing.assert_close(replaced[6], g[6] * (w * latents[2] + (1 - w) * latents[1]))
    # Linear maps commute with it: the property that training enforces in encoder and decoder.
    encode = torch.randn(100, 10)
    torch.testing.assert_close(combination(audio @ encode), combination(audio) @ encode, rtol=1e-4, atol=1e-5)


def test_weights_lie_between_a_half_and_one() -> None:
    weights = draw_combination(torch.zeros(1000, 4), Gains(), seeded(2)).weights
    assert 0.5 <= float(weights.min()) < 0.52
    assert 0.98 < float(weights.max()) <= 1.0


def test_gains_by_their_share_range_and_threshold() -> None:
    gains = draw_combination(torch.zeros(5000, 4), Gains(), seeded(3)).gains
    drawn = gains[gains != 1.0]
    assert drawn.numel() / gains.numel() == pytest.approx(0.8, abs=0.02)
    assert float(drawn.max()) <= 3.0
    assert float(drawn[drawn > 0].min()) >= 0.05
    assert (drawn == 0).float().mean() == pytest.approx(0.05 / 3.0, abs=0.005)


def test_no_gain_lifts_a_peak_above_one() -> None:
    audio = torch.randn(200, 50)
    combination = draw_combination(audio, Gains(), seeded(4))
    assert float(combination(audio).abs().max()) <= 1.0 + 1e-6
    quiet = draw_combination(0.01 * audio, Gains(), seeded(4))
    assert float(quiet.gains.max()) > 2.9


def test_without_gains_no_level_is_changed() -> None:
    audio = 2.0 * torch.randn(8, 50)
    gains = draw_combination(audio, Gains(probability=0.0), seeded(4)).gains
    assert torch.equal(gains, torch.ones(16))


def test_premixing_halves_sums_with_a_probability() -> None:
    audio = torch.eye(1000)
    mixed = premixed(audio, 0.5, seeded(5))
    changed = (mixed != audio).any(dim=1)
    assert changed.float().mean() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(mixed[changed].sum(dim=1), torch.ones(int(changed.sum())))
    assert (mixed[changed].amax(dim=1) == 0.5).all()
    assert torch.equal(premixed(audio, 0.0, seeded(5)), audio)


@pytest.mark.parametrize(
    ("progress", "low", "high"),
    [(0.0, 0.0, 3.0), (0.2, 0.0, 3.0), (0.55, 0.5, 2.0), (0.9, 1.0, 1.0), (1.0, 1.0, 1.0)],
)
def test_the_range_of_gains_is_held_then_shrinks_to_one(progress: float, low: float, high: float) -> None:
    narrowed = Gains().narrowed(progress, hold=0.2, rest=0.1)
    assert narrowed.low == pytest.approx(low)
    assert narrowed.high == pytest.approx(high)


def test_equal_seeds_give_equal_combinations() -> None:
    audio = torch.randn(4, 10)
    first, second = (draw_combination(audio, Gains(), seeded(5)) for _ in range(2))
    assert torch.equal(first.gains, second.gains)
    assert torch.equal(first.weights, second.weights)


class PlainAutoencoder(nn.Module):
    """No diffusion, no spectrogram: frames of 16 samples through two small perceptrons."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 48), nn.Tanh(), nn.Linear(48, 12))
        self.decoder = nn.Sequential(nn.Linear(12, 48), nn.Tanh(), nn.Linear(48, 16))


def trained(implicit: bool) -> PlainAutoencoder:
    torch.manual_seed(0)
    model = PlainAutoencoder()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    generator = seeded(7)
    basis = torch.randn(8, 16, generator=seeded(8))  # the signals' own few dimensions
    for _ in range(500):
        audio = 0.25 * torch.rand(32, 1, generator=generator) * (torch.randn(32, 8, generator=generator) @ basis)
        combination = draw_combination(audio, Gains(), generator)
        target = combination(audio)
        latents = combination(model.encoder(audio)) if implicit else model.encoder(target)
        loss = (model.decoder(latents) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def test_it_makes_a_plain_autoencoder_more_linear_at_the_same_reconstruction() -> None:
    basis = torch.randn(8, 16, generator=seeded(8))
    x, y = (0.1 * torch.randn(500, 8, generator=seeded(s)) @ basis for s in (9, 10))

    def relative(estimate: Tensor, reference: Tensor) -> float:
        return float((estimate - reference).norm() / reference.norm())

    def errors(model: PlainAutoencoder) -> dict[str, float]:
        encode: Callable[[Tensor], Tensor] = model.encoder
        decode: Callable[[Tensor], Tensor] = model.decoder
        return {
            "encoder additivity": relative(encode(x) + encode(y), encode(x + y)),
            "encoder homogeneity": relative(0.5 * encode(x), encode(0.5 * x)),
            "decoder homogeneity": relative(decode(0.5 * encode(x)), 0.5 * decode(encode(x))),
            "mixing": relative(decode(encode(x) + encode(y)), x + y),
            "reconstruction": relative(decode(encode(x)), x),
        }

    models = trained(implicit=True), trained(implicit=False)
    with torch.no_grad():
        linear, plain = map(errors, models)
    assert linear["reconstruction"] < 1.2 * plain["reconstruction"] < 0.3
    for name in ("encoder additivity", "encoder homogeneity", "decoder homogeneity", "mixing"):
        assert linear[name] < 0.6 * plain[name], (name, linear, plain)
