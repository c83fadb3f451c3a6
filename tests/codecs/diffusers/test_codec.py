"""Autoencoders of diffusers as codecs: agreement with diffusers on whole signals, contexts, stereo, precision."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import numpy as np
import pytest
import torch

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.diffusers.codec import DiffusersCodec
from lincae_studio.codecs.diffusers.config import CLASSES
from lincae_studio.engine.planning.grid import Grid
from tests.codecs.diffusers.models import OPTIONS, save
from tests.helpers import noise

NAMES = list(OPTIONS)
EXACT = Computation("cpu", "fp32")
WINDOWED = [name for name in NAMES if name != "kvae"]


def load(folder: Path, computation: Computation = EXACT) -> DiffusersCodec:
    codec = registry.load(str(folder), computation)
    assert isinstance(codec, DiffusersCodec)
    return codec


def original(folder: Path) -> Any:
    """The network, loaded by diffusers itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind: Any = getattr(diffusers, OPTIONS[folder.name][0])
        return kind.from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()


@torch.no_grad()
def whole(network: Any, audio: Array, channels: int) -> tuple[Array, Array]:
    """Latents `(D, T)` and decoded audio `(C, N)` of a whole signal `(N,)`, by diffusers."""
    encoded = network.encode(torch.from_numpy(audio).expand(1, channels, -1))
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    decoded = network.decode(latents).sample
    return latents[0].numpy(), decoded[0].numpy()


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_are_those_of_the_class(folders: dict[str, Path], name: str) -> None:
    codec = load(folders[name])
    info = codec.info
    expected = {
        "stable-audio": (44_100, 2048, 4, 2, 18),
        "ace-step": (48_000, 1920, 4, 2, 16),
        "kvae": (48_000, 960, 4, 1, 18),
        "same": (44_100, 4096, 8, 2, 12),
    }
    assert (info.sample_rate, info.hop, info.dim, codec.channels, info.context) == expected[name]
    assert info == registry.info(str(folders[name]), registry.resolved(str(folders[name]), EXACT))
    assert info.fixed_window == (name == "kvae")
    assert (info.linearity, info.stochastic, info.window_extra) == ("none", False, 0)
    latents = codec.encode(noise(1, info.window_samples(3)).T)
    assert latents.shape == (1, info.dim, 3)
    assert codec.decode(latents).shape == (1, info.window_samples(3))
    zeros = np.zeros((1, info.window_samples(3)), np.float32)
    assert np.array_equal(codec.silence(3), codec.encode(zeros)[0])


@pytest.mark.parametrize("kind", CLASSES)
def test_the_options_and_their_defaults_are_those_of_diffusers(kind: str) -> None:
    network: Any = getattr(diffusers, kind)
    known = network._get_init_keys(network) - {"self", "kwargs"}
    ours = msgspec.to_builtins(CLASSES[kind]())
    assert known == ours.keys()
    for name, parameter in inspect.signature(network.__init__).parameters.items():
        if name != "self":
            mine, theirs = ours[name], parameter.default
            assert (list(mine) if isinstance(mine, tuple) else mine) == (
                list(theirs) if isinstance(theirs, (tuple, list)) else theirs
            )


@pytest.mark.parametrize("name", NAMES)
def test_a_window_is_what_diffusers_computes(folders: dict[str, Path], name: str) -> None:
    codec = load(folders[name])
    audio = noise(2, codec.info.window_samples(20))[:, 0]
    latents, decoded = whole(original(folders[name]), audio, codec.channels)
    ours = codec.encode(audio[None])
    assert np.abs(ours[0] - latents).max() < 1e-4 * np.abs(latents).max()
    assert np.abs(codec.decode(ours)[0] - decoded.mean(axis=0)).max() < 1e-4 * np.abs(decoded).max()
    both = codec.decode_channels(ours)[0]
    assert np.abs(both - decoded).max() < 1e-4 * np.abs(decoded).max()


@pytest.mark.parametrize("name", WINDOWED)
def test_windows_agree_with_the_whole_signal_inside_their_valid_part(folders: dict[str, Path], name: str) -> None:
    codec = load(folders[name])
    info = codec.info
    grid = Grid.of(info)
    count = grid.valid(1)[1] - grid.window_start(0)
    audio = noise(3, -(-count // info.hop) * info.hop)[:, 0]
    _, decoded = whole(original(folders[name]), audio, codec.channels)
    peak = np.abs(decoded).max()
    shift = grid.window_start(0)
    start = grid.window_start(1) - shift
    window = codec.decode(codec.encode(audio[None, start : start + grid.window_samples]))[0]
    valid = slice(grid.margin, grid.window_samples - grid.margin)
    difference = np.abs(window - decoded.mean(axis=0)[start : start + grid.window_samples])
    assert difference[valid].max() < 1e-4 * peak
    assert difference[: info.hop].max() > 1e-3 * peak  # the ends do differ


@pytest.mark.parametrize("name", WINDOWED)
def test_the_context_covers_what_the_ends_of_a_window_change(folders: dict[str, Path], name: str) -> None:
    """Frames that differ by more than 1e-4; with random weights the influence fades before it ends."""
    codec = load(folders[name])
    info, frames, cut = codec.info, 3 * codec.info.context, codec.info.context
    audio = noise(4, info.window_samples(frames + 2 * cut)).T
    reference = codec.decode(codec.encode(audio))[0]
    inner = slice(cut * info.hop, (cut + frames) * info.hop)
    window = codec.decode(codec.encode(audio[:, inner]))[0]
    error = np.abs(window - reference[inner]).reshape(frames, info.hop).max(axis=1) / np.abs(reference).max()
    changed = np.flatnonzero(error > 1e-4)
    left, right = changed[changed < frames / 2].max() + 1, frames - changed[changed >= frames / 2].min()
    assert 2 <= left <= info.context
    assert 2 <= right <= info.context


def test_convolutions_reach_no_further_than_the_context_whatever_the_weights(folders: dict[str, Path]) -> None:
    """Which samples of the decoded audio depend on what precedes a window, by gradients rather than by size."""
    codec = load(folders["stable-audio"])
    info = codec.info
    network: Any = codec._encoder
    frames = 2 * info.context
    audio = torch.from_numpy(noise(5, info.window_samples(frames)).T.copy()).expand(1, 2, -1).clone().requires_grad_()
    with torch.enable_grad():
        latents = network.encode(audio).latent_dist.mode()
        (gradient,) = torch.autograd.grad(latents[..., frames // 2].sum(), audio)
    reached = torch.nonzero(gradient.abs().sum(dim=(0, 1)))[:, 0]
    assert frames // 2 * info.hop - reached.min() < 8 * info.hop
    latents = latents.detach().requires_grad_()
    with torch.enable_grad():
        decoded = network.decode(latents).sample
        (gradient,) = torch.autograd.grad(decoded[..., frames // 2 * info.hop].sum(), latents)
    reached = torch.nonzero(gradient.abs().sum(dim=(0, 1)))[:, 0]
    assert frames // 2 - reached.min() <= info.context - 8
    assert reached.max() - frames // 2 <= info.context - 8


def test_longer_windows_of_a_codec_that_attends_are_closer_to_the_whole(folders: dict[str, Path]) -> None:
    codec = load(folders["kvae"])
    info = codec.info
    total = 2 * info.chunk_frames
    audio = noise(6, info.window_samples(total)).T * np.linspace(0.1, 1.0, info.window_samples(total))
    reference = codec.encode(audio.astype(np.float32))[0]

    def error(frames: int) -> float:
        start = (total - frames) // 2
        window = audio[:, start * info.hop : (start + frames) * info.hop].astype(np.float32)
        middle = slice(frames // 2 - 10, frames // 2 + 10)
        return float(np.square(codec.encode(window)[0] - reference[:, start : start + frames])[:, middle].sum())

    assert error(info.chunk_frames) < error(info.chunk_frames // 4)
    assert info.chunk_frames * info.hop == 8 * info.sample_rate
    assert Grid.chosen(info, 100, info.overlap_frames) == Grid.of(info)


def test_an_untrained_stereo_codec_decodes_channels_that_differ_and_returns_their_mean(
    folders: dict[str, Path],
) -> None:
    codec = load(folders["stable-audio"])
    latents = codec.encode(noise(7, codec.info.window_samples(8)).T)
    left, right = codec.decode_channels(latents)[0]
    assert not np.allclose(left, right)
    assert np.allclose(codec.decode(latents)[0], (left + right) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_window_decodes_equally_alone_and_in_a_batch(folders: dict[str, Path], name: str) -> None:
    codec = load(folders[name])
    audio = noise(8, codec.info.window_samples(6), channels=3).T
    latents = codec.encode(audio)
    decoded = codec.decode(latents)
    for row in range(3):
        assert np.array_equal(codec.encode(audio[row : row + 1])[0], latents[row])
        assert np.array_equal(codec.decode(latents[row : row + 1])[0], decoded[row])


@pytest.mark.parametrize("name", NAMES)
def test_precision_is_part_of_the_identity(folders: dict[str, Path], name: str) -> None:
    exact, lower = load(folders[name]), load(folders[name], Computation("cpu", "bf16"))
    assert exact.info.arithmetic.startswith("fp32 on cpu")
    assert lower.info.arithmetic.startswith("bf16 on cpu")
    assert exact.info.identity != lower.info.identity
    assert exact.info.latents != lower.info.latents
    latents = exact.encode(noise(9, exact.info.window_samples(4)).T)
    decoded, rounded = exact.decode(latents), lower.decode(latents)
    assert rounded.dtype == np.float32
    assert not np.array_equal(decoded, rounded)
    assert np.linalg.norm(decoded - rounded) < 0.2 * np.linalg.norm(decoded)


def test_encoders_compute_in_32_bits_unless_less_is_asked_for(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latents of a CPU with bfloat16 have the same keys as those of others, so they must be the same."""
    monkeypatch.setattr("lincae_studio.codecs.device.native_bf16", lambda device: True)
    monkeypatch.setattr("lincae_studio.codecs.tile_choice.narrowest", lambda path: 0)
    exact, lower = load(folders["same"]), load(folders["same"], Computation("cpu", "bf16"))
    automatic = load(folders["same"], Computation("cpu", "auto"))
    assert automatic.info.arithmetic.startswith("bf16 on cpu")
    assert automatic.info.latents == exact.info.latents
    audio = noise(9, exact.info.window_samples(4)).T
    latents = automatic.encode(audio)
    assert np.array_equal(latents, exact.encode(audio))
    assert np.array_equal(automatic.decode(latents), lower.decode(latents))


def test_weights_are_part_of_the_identity(folders: dict[str, Path], tmp_path: Path) -> None:
    again = save(tmp_path / "again", "same")
    other = save(tmp_path / "other", "same", seed=1)
    infos = [registry.info(str(path), EXACT) for path in (folders["same"], again, other)]
    assert infos[0].identity == infos[1].identity != infos[2].identity
