"""The autoencoder by itself: reproducible noise, batches, chunks, errors."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.blocks import group_norm
from lincae_studio.codecs.lincae.noise import noise_field
from lincae_studio.errors import CodecError
from tests.codecs.lincae.models import NARROW, OTHER, audio, randomise, small_model


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).detach().norm() / expected.detach().norm())


@pytest.mark.slow
def test_equal_seeds_give_equal_audio_whatever_the_batch_size() -> None:
    model = small_model(max_chunk_size=30_000)
    latents = model.encode(audio(90_000, 2))
    one = model.decode(latents, 90_000, seed=7, max_batch_size=1)
    many = model.decode(latents, 90_000, seed=7, max_batch_size=5)
    torch.testing.assert_close(one, many, rtol=0, atol=1e-5 * float(one.abs().max()))
    again = model.decode(latents, 90_000, seed=7, max_batch_size=1)
    assert torch.equal(one, again)
    assert not torch.allclose(one, model.decode(latents, 90_000, seed=8), atol=1e-3 * float(one.std()))


class _ChunkStorage(TorchDispatchMode):
    """Notes the bytes behind every tensor of chunks."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and out.ndim and out.shape[-1] == self.length:
            self.sizes.append(out.untyped_storage().nbytes())
        return out


def test_chunks_are_copied_batch_by_batch() -> None:
    model = small_model(max_chunk_size=10_000)
    x = audio(40_000, 2)  # without padding: 5 chunks each
    with _ChunkStorage(10_000) as noted:
        model.encode(x, max_batch_size=3)
    assert 3 * 10_000 * 4 in noted.sizes
    assert max(noted.sizes) == 4 * x.numel() < 4 * 2 * 5 * 10_000


def test_decoding_does_not_change_its_argument() -> None:
    model = small_model(max_chunk_size=30_000)
    latents = model.encode(audio(70_000))
    before = latents.clone()
    model.decode(latents, 70_000)
    assert torch.equal(latents, before)


def test_noise_is_a_function_of_the_absolute_frame() -> None:
    field = noise_field(3, -2, 10, 128)
    assert field.shape == (10, 128)
    assert (noise_field(3, 1, 4, 128) == field[3:7]).all()
    assert not (noise_field(4, -2, 10, 128) == field).any()
    assert not (noise_field(3, -2, 10, 128, step=1) == field).any()


def test_noise_is_normal_with_unit_variance() -> None:
    field = noise_field(0, 0, 400, 2048).astype(float)
    several = 4.0 / field.size**0.5  # standard errors of a mean of unit variance
    assert abs(field.mean()) < several
    assert abs(field.var() - 1.0) < several * 2**0.5
    assert abs((field**4).mean() - 3.0) < several * 96**0.5
    for a, b in ((field[1:], field[:-1]), (field[:, 1:], field[:, :-1]), (field[:, :1024], field[:, 1024:])):
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


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_group_norms_are_exact_on_long_images(offset: float) -> None:
    norm = group_norm(16)
    randomise(norm)
    x = torch.randn(2, 16, 1024, 200, generator=torch.Generator().manual_seed(0)) + offset
    x = x.to(memory_format=torch.channels_last)
    exact = functional.group_norm(x.double(), norm.num_groups, norm.weight.double(), norm.bias.double())
    before = x.clone()
    with torch.no_grad():
        found = {"CPU": norm(x), "CUDA": norm._in_place_layout(x)}  # there is not always a GPU to run the latter on
    assert torch.equal(x, before)
    assert relative(found["CPU"], exact) < 1e-6
    assert relative(found["CUDA"], exact) < 2e-6


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


def test_identity_follows_weights_configuration_and_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    identities = {
        small_model().identity,
        small_model(seed=1).identity,
        small_model(OTHER).identity,
        small_model(scale_factor=15.0).identity,
        small_model(precision="bf16").identity,
    }
    assert len(identities) == 5
    identity = small_model().identity
    assert small_model().identity == identity
    monkeypatch.setattr("lincae_studio.codecs.lincae.model.rounds_to_tf32", lambda _: True)
    assert small_model().identity != identity


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


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(0, 9000), "empty batch"),
        (torch.zeros(1, 9000, dtype=torch.int16), "int16.*32768"),
        (torch.zeros(1, 9000, dtype=torch.complex64), "complex64"),
        (np.zeros((1, 9000), np.int16), "int16.*32768"),
        (torch.tensor(0.0), "shape"),
        ("audio.wav", "cannot be converted to a tensor"),
    ],
)
def test_arguments_that_are_not_audio_are_refused(x: Any, words: str) -> None:
    with pytest.raises(CodecError, match=words):
        small_model().encode(x)


def test_numpy_arrays_are_accepted() -> None:
    model = small_model()
    x = audio(9000)
    reversed_, frozen = x.flip(-1).numpy()[:, ::-1], x.numpy().copy()
    frozen.setflags(write=False)
    latents = model.encode(x).detach()
    for array in (reversed_, frozen, x.double().numpy()):
        assert torch.equal(model.encode(array), latents)
    assert torch.equal(model.decode(latents.numpy(), seed=0), model.decode(latents, seed=0))


def test_latents_that_cannot_be_decoded_are_refused() -> None:
    model = small_model()
    with pytest.raises(CodecError, match="shape"):
        model.decode(torch.zeros(1, 3, 5))
    for shape in ((0, model.dim, 2), (1, model.dim, 0)):
        with pytest.raises(CodecError, match="shape"):
            model.decode(torch.zeros(shape))
    with pytest.raises(CodecError, match="NaN"):
        model.decode(torch.full((1, model.dim, 2), float("inf")))
    with pytest.raises(CodecError, match="full_length"):
        model.decode(torch.zeros(1, 2, model.dim, 3))
    with pytest.raises(CodecError, match="max_chunk_size"):
        model.decode(torch.zeros(1, 2, model.dim, 3), 9000)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": 2**64},
        {"seed": 1.0},
        {"seed": True},
        {"diffusion_steps": 0},
        {"diffusion_steps": 1.5},
        {"full_length": -1},
        {"full_length": 100.0},
        {"max_batch_size": 0},
        {"noise": torch.zeros(1, 2, 1024, 3)},
        {"noise": torch.zeros(2, 1024, 16)},
        {"noise": torch.zeros(1, 1, 1, 2, 1024, 16)},
        {"noise": torch.zeros(2, 1, 2, 1024, 16), "diffusion_steps": 3},
        {"noise": torch.full((1, 2, 1024, 16), torch.nan)},
        {"noise": torch.zeros(1, 2, 1024, 16, dtype=torch.int32)},
    ],
)
def test_options_of_decoding_are_checked(options: dict[str, Any]) -> None:
    model = small_model()
    with pytest.raises(CodecError, match=next(iter(options))):
        model.decode(torch.zeros(1, model.dim, 2), **options)


def test_the_largest_seed_and_noise_of_other_types_decode() -> None:
    model = small_model()
    latents = torch.zeros(1, model.dim, 1)
    assert torch.isfinite(model.decode(latents, seed=2**64 - 1)).all()
    drawn = torch.randn(1, 2, 1024, 8, generator=torch.Generator().manual_seed(0))
    expected = model.decode(latents, noise=drawn)
    assert expected.dtype is torch.float32
    assert torch.equal(model.decode(latents, noise=drawn.double()), expected)
    assert torch.equal(model.decode(latents, noise=drawn.numpy()), expected)


def test_latents_of_another_chunk_size_are_refused() -> None:
    model = small_model(max_chunk_size=30_000)
    latents = model.encode(audio(70_000))
    model.max_chunk_size = 60_000
    with pytest.raises(CodecError, match="max_chunk_size 60000"):
        model.decode(latents, 70_000)


def test_full_length_cuts_and_never_invents() -> None:
    model = small_model()
    latents = model.encode(audio(9000))
    whole = model.decode(latents, seed=0)
    assert whole.shape[-1] == model.get_decoded_size(latents.shape[-1])
    assert torch.equal(model.decode(latents, 5000, seed=0), whole[:, :5000])
    assert torch.equal(model.decode(latents, 10**6, seed=0), whole)
    assert model.decode(latents, 0).shape == (1, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_chunk_size", 2047),
        ("max_chunk_size", 0),
        ("max_chunk_size", 1e4),
        ("max_batch_size", 0),
        ("max_batch_size", None),
        ("overlap_percentage", 1.0),
        ("overlap_percentage", float("nan")),
        ("precision", "half"),
        ("scale_factor", 0.0),
        ("scale_factor", float("inf")),
        ("scale_factor", float("nan")),
        ("scale_factor", "33"),
        pytest.param("scale_factor", 10**400, id="scale_factor-huge"),
    ],
)
def test_attributes_out_of_their_range_are_refused_whenever_they_are_set(name: str, value: Any) -> None:
    words = name.replace("scale_", "scale ").split("_percentage")[0]
    with pytest.raises(CodecError, match=words):
        small_model(**{name: value})
    model = small_model()
    setattr(model, name, value)
    for use in (
        lambda: model.encode(audio(9000)),
        lambda: model.decode(torch.zeros(1, model.dim, 2)),
        lambda: model.decode_windows(torch.zeros(1, model.dim, 2), [0]),
        lambda: model.silence_latent(),
    ):
        with pytest.raises(CodecError, match=words):
            use()


def test_windows_need_a_first_frame_each() -> None:
    model = small_model()
    for shape, first_frames in (((2, model.dim, 2), [0]), ((1, 2, model.dim, 2), [0])):
        with pytest.raises(CodecError, match="first frame"):
            model.decode_windows(torch.zeros(shape), first_frames)


@pytest.mark.parametrize("change", ["double", "bfloat16"])
def test_weights_of_another_type_are_refused(change: str) -> None:
    model = small_model()
    identity = model.identity
    getattr(model, change)()
    assert model.identity != identity
    with pytest.raises(CodecError, match=r"model\.float"):
        model.encode(audio(9000))
    with pytest.raises(CodecError, match=r"model\.float"):
        model.decode(torch.zeros(1, model.dim, 2))


def _changed_in_place(model: Autoencoder, state: dict[str, torch.Tensor]) -> None:
    model.load_state_dict(state)


def _assigned(model: Autoencoder, state: dict[str, torch.Tensor]) -> None:
    model.load_state_dict(state, assign=True)


def _replaced(model: Autoencoder, state: dict[str, torch.Tensor]) -> None:
    generator = copy.deepcopy(model.generator)
    generator.load_state_dict({key.removeprefix("generator."): state[key] for key in state if "generator." in key})
    model.generator = generator


def _written_through_data(model: Autoencoder, state: dict[str, torch.Tensor]) -> None:
    for key, parameter in model.named_parameters():
        parameter.data.copy_(state[key])
    model.refresh()


@pytest.mark.parametrize("change", [_changed_in_place, _assigned, _replaced, _written_through_data])
def test_changed_weights_take_effect_immediately_in_reduced_precision(change: Any) -> None:
    model, other = small_model(precision="bf16"), small_model(seed=1, precision="bf16")
    latents = torch.ones(1, model.dim, 1)
    before = model.decode(latents, seed=0)
    change(model, other.state_dict())
    after = model.decode(latents, seed=0)
    assert torch.equal(after, other.decode(latents, seed=0))
    assert not torch.allclose(after, before)


def test_weights_created_in_inference_mode_decode_in_reduced_precision() -> None:
    with torch.inference_mode():
        model = small_model(precision="bf16")
        assert torch.isfinite(model.decode(torch.ones(1, model.dim, 1))).all()


def test_a_pickle_contains_no_copy_of_the_weights() -> None:
    model = small_model(precision="bf16")
    latents = torch.ones(1, model.dim, 1)
    size = len(pickle.dumps(model))
    decoded = model.decode(latents, seed=0)
    data = pickle.dumps(model)
    assert len(data) < 1.01 * size
    assert torch.equal(pickle.loads(data).decode(latents, seed=0), decoded)


class _Starved:
    """A network that has memory for this number of windows at once."""

    def __init__(self, network: Any, windows: int, error: RuntimeError) -> None:
        self._network, self._windows, self._error = network, windows, error
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def denoise(self, pyramid: Any, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(noisy))
        if len(noisy) > self._windows:
            raise self._error
        found: torch.Tensor = self._network.denoise(pyramid, noisy, sigma)
        return found


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("no room"), RuntimeError("MPS backend out of memory (8 GB)")], ids=str
)
def test_running_out_of_memory_halves_the_batch(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = small_model(max_batch_size=8)
    latents = torch.randn(5, model.dim, 1, generator=torch.Generator().manual_seed(0))
    expected = model.decode(latents, seed=0, max_batch_size=1)
    network = _Starved(model.generator, 2, error)
    monkeypatch.setattr(model, "_network", lambda part: network)
    with caplog.at_level(logging.WARNING):
        found = model.decode(latents, seed=0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    assert network.sizes == [5, 2, 2, 1]
    assert [record.getMessage() for record in caplog.records] == ["out of memory: continuing with batches of 2"]


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError("no room"), RuntimeError("shapes differ")], ids=str)
def test_other_errors_and_too_little_memory_for_one_window_are_raised(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model()
    network = _Starved(model.generator, 0, error)
    monkeypatch.setattr(model, "_network", lambda part: network)
    with pytest.raises(RuntimeError, match=str(error)):
        model.decode(torch.ones(1, model.dim, 1))
    assert network.sizes == [1]


def test_mixed_precision_has_no_effect_without_cuda() -> None:
    latents = torch.ones(1, 64, 1)
    mixed, plain = small_model(mixed_precision=True), small_model()
    assert torch.equal(mixed.decode(latents, seed=0), plain.decode(latents, seed=0))
    assert torch.equal(mixed.encode(audio(9000)), plain.encode(audio(9000)))


def test_one_dimensional_audio_is_a_batch_of_one() -> None:
    model = small_model()
    x = audio(9000)
    assert torch.equal(model.encode(x[0]), model.encode(x))
