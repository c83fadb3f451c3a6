"""A Lin-CAE model as a codec of the studio: boundary, noise, grid, mixing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.codecs.lincae.codec import LinCaeCodec
from lincae_studio.codecs.lincae.config import FrontendConfig
from lincae_studio.codecs.lincae.folder import open_folder
from lincae_studio.codecs.lincae.frontend import ScaledComplexStft
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.errors import CodecError, UsageError
from lincae_studio.session import edits
from tests.codecs.lincae.models import FRONTEND, small_model
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise, render_all, render_plan, session_of, tone


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("codecs") / "small"
    pretrained.save_own(small_model(), path, title="Small", linear=True)
    return str(path)


@pytest.fixture(scope="module")
def codec(folder: str) -> LinCaeCodec:
    loaded = registry.load(folder)
    assert isinstance(loaded, LinCaeCodec)
    return loaded


def test_info_agrees_with_the_codec(folder: str, codec: LinCaeCodec) -> None:
    info = registry.info(folder, registry.resolved(folder, Computation()))
    assert codec.info == info
    assert info.stochastic
    for frames in (1, 3):
        samples = info.window_samples(frames)
        latents = codec.encode(noise(1, samples).T)
        assert latents.shape == (1, info.dim, frames)
        assert latents.dtype == np.float32
        audio = codec.decode(latents, first_frames=[5], seed=1)
        assert audio.shape == (1, samples)
        assert audio.dtype == np.float32
        assert codec.silence(frames).shape == (info.dim, frames)


def test_silence_is_the_latents_of_zeros(codec: LinCaeCodec) -> None:
    zeros = np.zeros((1, codec.info.window_samples(6)), np.float32)
    assert np.allclose(codec.silence(6), codec.encode(zeros)[0], atol=1e-6)


def test_a_window_decodes_equally_alone_and_in_a_batch(codec: LinCaeCodec) -> None:
    latents = noise(1, 3 * 64 * 4, level=1.0).reshape(3, 64, 4)
    together = codec.decode(latents, first_frames=[0, 7, 7], seed=3)
    for row, first in enumerate((0, 7, 7)):
        alone = codec.decode(latents[row : row + 1], first_frames=[first], seed=3)
        assert np.abs(alone[0] - together[row]).max() < 1e-5 * np.abs(alone).max()


def test_frame_and_seed_determine_the_noise(codec: LinCaeCodec) -> None:
    latents = np.repeat(noise(1, 64 * 4, level=1.0).reshape(1, 64, 4), 2, axis=0)
    same = codec.decode(latents, first_frames=[3, 3], seed=0)
    assert np.array_equal(same[0], same[1])
    assert not np.allclose(same[0], codec.decode(latents, first_frames=[3, 4], seed=0)[1])
    assert not np.allclose(same[0], codec.decode(latents, first_frames=[3, 3], seed=1)[0])


@pytest.mark.slow
def test_a_session_renders_and_its_buses_agree_on_mono(folder: str) -> None:
    media = made_up_media(1, 60_000), made_up_media(2, 50_000)
    session = session_of(*media, codec=folder)
    audio = MemoryAudio.of(*media)
    mono = render_all(session, audio, folder)
    assert mono.shape == (1, 60_000)
    assert np.abs(mono).max() > 1e-3
    again = render_all(session, audio, folder)
    assert np.array_equal(mono, again)
    panned = edits.set_track_pan(session, session.tracks[0].id, 1.0)
    stereo = render_all(panned, audio, folder)
    assert stereo.shape == (2, 60_000)
    assert not np.allclose(stereo[0], stereo[1])


class FrontendCodec:
    """The frontend alone as a codec: what it loses is lost by the edges of the STFT, and nothing else."""

    batch = 1

    def __init__(self, info: CodecInfo) -> None:
        self._stft = ScaledComplexStft(FrontendConfig(**FRONTEND))
        self._factor = info.hop // self._stft.hop
        dim = 2 * self._stft.bins * self._factor
        self._info = replace(info, id="frontend", identity="frontend/1", dim=dim, stochastic=False)

    @property
    def info(self) -> CodecInfo:
        return self._info

    def encode(self, audio: Array) -> Array:
        representation = self._stft.to_representation(torch.from_numpy(audio))
        batch, channels, bins, frames = representation.shape
        split = representation.reshape(batch, channels * bins, frames // self._factor, self._factor)
        return split.permute(0, 1, 3, 2).reshape(batch, self._info.dim, -1).numpy()

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        batch, _, frames = latents.shape
        split = torch.from_numpy(latents).reshape(batch, -1, self._factor, frames).permute(0, 1, 3, 2)
        return self._stft.to_waveform(split.reshape(batch, 2, self._stft.bins, -1)).numpy()

    def silence(self, frames: int) -> Array:
        return np.zeros((self._info.dim, frames), np.float32)


def test_the_first_and_last_50_ms_are_as_good_as_the_middle(folder: str) -> None:
    """The reference encodes from sample 0 on, and fades in; the grid's windows begin before the timeline does."""
    media = made_up_media(1, 100_000)
    # Below the bin that the frontend drops, so that it is an identity.
    samples = sum((tone(hz, media.length, level=0.2) for hz in (311.0, 2000.0, 9000.0)), np.zeros((1, 1), np.float32))
    codec = FrontendCodec(registry.info(folder))
    plan = make_plan(session_of(media), codec.info)
    assert len(plan.audible) == 2
    mix = render_plan(plan, new_renderer(MemoryAudio({media.digest: samples}), load=lambda *_: codec))[0]

    def error(found: Array, start: int, end: int) -> float:
        return float(np.abs(found[start:end] - samples[start:end, 0]).max())

    edge = 2205
    ends = max(error(mix, 0, edge), error(mix, media.length - edge, media.length))
    middle = error(mix, edge, media.length - edge)
    assert ends < 2e-4
    assert middle < 2e-4
    whole = media.length // codec.info.hop * codec.info.hop + codec.info.window_extra
    plain = codec.decode(codec.encode(samples[None, :whole, 0]), first_frames=[0], seed=0)[0]
    assert error(plain, 0, edge) > 100 * ends  # what it would be without the lead-in


def test_the_grid_has_lead_in_and_a_long_crossfade(folder: str) -> None:
    info = registry.info(folder)
    grid = Grid.of(info)
    assert 1.5 < grid.step_samples / info.sample_rate < 2.5
    assert grid.fade >= 0.1 * info.sample_rate
    assert grid.lead_frames * grid.hop >= info.window_extra


@pytest.mark.parametrize(
    ("computation", "error", "words"),
    [
        (Computation("gpu"), UsageError, "“gpu”"),
        (Computation("cpu", "fp16"), CodecError, "NVIDIA GPU"),
    ],
)
def test_an_unavailable_device_or_precision_is_reported(
    folder: str, computation: Computation, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        registry.load(folder, computation)


def test_bf16_is_close_to_fp32(folder: str) -> None:
    lowered = registry.load(folder, Computation(precision="bf16"))
    full = registry.load(folder, Computation(precision="fp32"))  # auto may be either, by machine
    latents = full.encode(noise(3, full.info.window_samples(6)).T)
    exact = full.decode(latents, first_frames=[0], seed=0)
    close = lowered.decode(latents, first_frames=[0], seed=0)
    # Measured: -28.8 to -31.6 dB with narrow random weights, -30.2 with the public models' width.
    assert 0.0 < np.linalg.norm(close - exact) / np.linalg.norm(exact) < 10 ** (-28 / 20)
    assert lowered.info.identity != full.info.identity


def test_the_identity_follows_the_arithmetic_of_the_program(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, weights = registry.info(folder).identity, small_model().identity
    for module in ("folder", "model"):
        monkeypatch.setattr(f"lincae_studio.codecs.lincae.{module}.ARITHMETIC_VERSION", 2)
    assert open_folder(Path(folder)).info("small", Computation()).identity != before
    assert small_model().identity != weights


_MEMORY = """
import resource, sys, torch
from lincae_studio.codecs.lincae.noise import noise_field
from tests.codecs.lincae.models import small_model
torch.set_grad_enabled(False)  # else what gradients need is kept
for frame in range(0, 4096, 64):  # fill the cache of noise
    noise_field(0, frame, 64, 2048)
model = small_model({"hop": 512, "base_channels": 4, "bottleneck_base_channels": 16, "cond_channels": 16},
                    max_chunk_size=44_100)
samples = int(sys.argv[1]) * 44_100
audio = torch.rand(2, samples)
latents = model.encode(audio)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
decoded = model.decode(latents, full_length=samples)
assert decoded.shape == audio.shape
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.linux("its resource usage is in KiB, its allocator glibc's")
def test_memory_grows_by_audio_and_latents_only() -> None:
    def peaks(seconds: int) -> list[int]:
        command = [sys.executable, "-c", _MEMORY, str(seconds)]
        # Large blocks are returned immediately, so the measurement shows the memory in use.
        allocator = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
        environment = {**os.environ, "PYTHONPATH": os.getcwd(), **allocator}
        out = subprocess.run(command, capture_output=True, check=True, env=environment, text=True).stdout
        return [int(line) for line in out.split()]

    short, long = 1, 5
    # Audio, what it is decoded to or padded for its chunks, and their latents: float32.
    per_second = 2 * 4 * (44_100 * (1 + 1) + 44_100 / 64 * 4 / 3)
    for before, after in zip(peaks(short), peaks(long), strict=True):
        assert after - before < (long - short) * per_second + 4e6
