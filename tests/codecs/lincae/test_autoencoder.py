"""The autoencoder by itself: reproducible noise, batches, chunks, errors."""

from __future__ import annotations

import pytest
import torch

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.noise import noise_field
from lincae_studio.errors import CodecError
from tests.codecs.lincae.models import FRONTEND, NARROW, OTHER, audio, small_model


def test_equal_seeds_give_equal_audio_whatever_the_batch_size() -> None:
    model = small_model(max_chunk_size=30_000)
    latents = model.encode(audio(90_000, 2))
    one = model.decode(latents, 90_000, seed=7, max_batch_size=1)
    many = model.decode(latents, 90_000, seed=7, max_batch_size=5)
    torch.testing.assert_close(one, many, rtol=0, atol=1e-5 * float(one.abs().max()))
    again = model.decode(latents, 90_000, seed=7, max_batch_size=1)
    assert torch.equal(one, again)
    assert not torch.allclose(one, model.decode(latents, 90_000, seed=8), atol=1e-3 * float(one.std()))


def test_decoding_does_not_change_its_argument() -> None:
    model = small_model(max_chunk_size=30_000)
    latents = model.encode(audio(70_000))
    before = latents.clone()
    model.decode(latents, 70_000)
    assert torch.equal(latents, before)


def test_noise_is_a_function_of_the_absolute_frame() -> None:
    field = noise_field(3, -2, 10, 2, 64)
    assert field.shape == (2, 64, 10)
    assert (noise_field(3, 1, 4, 2, 64) == field[..., 3:7]).all()
    assert not (noise_field(4, -2, 10, 2, 64) == field).any()
    assert not (noise_field(3, -2, 10, 2, 64, step=1) == field).any()


def test_noise_is_normal_with_unit_variance() -> None:
    field = noise_field(0, 0, 400, 2, 1024).astype(float)
    several = 4.0 / field.size**0.5  # standard errors of a mean of unit variance
    assert abs(field.mean()) < several
    assert abs(field.var() - 1.0) < several * 2**0.5
    assert abs((field**4).mean() - 3.0) < several * 96**0.5
    for a, b in ((field[..., 1:], field[..., :-1]), (field[:, 1:], field[:, :-1]), (field[:1], field[1:])):
        assert abs((a * b).mean()) < 1.5 * several


def test_the_frontend_recovers_the_interior_of_a_signal() -> None:
    model = small_model()
    x = audio(20 * 512)
    back = model.frontend.to_waveform(model.frontend.to_representation(x))
    edge = model.frontend.n_fft - model.frontend.hop
    spectrum_top = 2e-2  # the highest bin is dropped by design
    inside = slice(edge, x.shape[-1] - edge)
    assert float((back - x)[:, inside].abs().max()) < spectrum_top


def test_upsampling_on_the_small_image_equals_upsampling_the_image() -> None:
    for options in (NARROW, OTHER):
        model = small_model(options)
        latents = torch.randn(2, model.dim, 5, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            folded = model.generator.decoder(latents / 3.0)
        plain = [level.detach() for level in model.generator.decoder(latents / 3.0)]
        for a, b in zip(folded, plain, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_at_the_lowest_noise_level_the_model_is_the_identity() -> None:
    model = small_model()
    unet = model.generator
    x = torch.randn(1, 2, 1024, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        pyramid = unet.decoder(torch.zeros(1, model.dim, 2))
        clean = unet.denoise(pyramid, x, torch.tensor([unet.config.sigma_min]))
    torch.testing.assert_close(clean, x, rtol=1e-6, atol=1e-6)


def test_silence_has_finite_latents_of_the_asked_length() -> None:
    model = small_model()
    silence = model.silence_latent(3)
    assert silence.shape == (model.dim, 3)
    assert torch.isfinite(silence).all()


def test_identity_follows_weights_configuration_and_arithmetic() -> None:
    identities = {
        small_model().identity,
        small_model(seed=1).identity,
        small_model(OTHER).identity,
        small_model(scale_factor=15.0).identity,
        small_model(precision="bf16").identity,
    }
    assert len(identities) == 5
    assert small_model().identity == small_model().identity


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(1, 2, 9000), "shape"),
        (torch.zeros(1, 2047), "too short"),
        (torch.full((1, 9000), float("nan")), "NaN"),
    ],
)
def test_audio_that_cannot_be_encoded_is_refused(x: torch.Tensor, words: str) -> None:
    with pytest.raises(CodecError, match=words):
        small_model().encode(x)


def test_latents_that_cannot_be_decoded_are_refused() -> None:
    model = small_model()
    with pytest.raises(CodecError, match="shape"):
        model.decode(torch.zeros(1, 3, 5))
    with pytest.raises(CodecError, match="NaN"):
        model.decode(torch.full((1, model.dim, 2), float("inf")))
    with pytest.raises(CodecError, match="full_length"):
        model.decode(torch.zeros(1, 2, model.dim, 3))
    with pytest.raises(CodecError, match="max_chunk_size"):
        model.decode(torch.zeros(1, 2, model.dim, 3), 9000)
    with pytest.raises(CodecError, match="noise"):
        model.decode(torch.zeros(1, model.dim, 2), noise=torch.zeros(1, 2, 1024, 3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hop": 512, "bottleneck_layers": "dynamic"}, "bottleneck_layers"),
        ({"hop": 512, "no_such_option": 1}, "no_such_option"),
        ({"hop": 512, "layers_list": [1, 1]}, "layers_list"),
        ({"hop": 256}, "hop"),
        ({"hop": 512, "base_channels": "many"}, "base_channels"),
    ],
)
def test_options_that_are_not_supported_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(CodecError, match=words):
        Autoencoder(FRONTEND, options, {})


def test_one_dimensional_audio_is_a_batch_of_one() -> None:
    model = small_model()
    x = audio(9000)
    assert torch.equal(model.encode(x[0]), model.encode(x))
