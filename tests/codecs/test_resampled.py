"""Codecs at another rate than their own: whole hops, and windows that agree with resampling the whole signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import soxr
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.resampled import Resampled, at_rate, info_at
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.session import edits
from lincae_studio.session.model import Media, Rate, Session
from lincae_studio.session.rates import at_rate as media_at
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise, render_plan, session_of

#: The widest difference between a window and the whole signal: that of the filter's cut-off ends.
TOLERANCE = 3e-6


class Frames:
    """A lossless codec of plain frames: latents are the samples of a hop, and windows have a surplus of zeros."""

    batch = 4

    def __init__(self, rate: int, hop: int, window_extra: int = 0, context: int = 0) -> None:
        self.info = CodecInfo(
            id="frames",
            title="Frames",
            description="for tests",
            identity="frames/1",
            sample_rate=rate,
            hop=hop,
            dim=hop,
            window_extra=window_extra,
            context=context,
            chunk_frames=24,
            overlap_frames=2 * context + window_extra // hop + 2,
            linearity="exact",
            stochastic=False,
        )

    def encode(self, audio: Array) -> Array:
        frames = (audio.shape[1] - self.info.window_extra) // self.info.hop
        assert audio.shape[1] == self.info.window_samples(frames)
        skipped = self.info.window_extra // 2
        kept = audio[:, skipped : skipped + frames * self.info.hop]
        return np.ascontiguousarray(kept.reshape(len(audio), frames, self.info.hop).transpose(0, 2, 1))

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        batch, dim, frames = latents.shape
        out = np.zeros((batch, self.info.window_samples(frames)), np.float32)
        skipped = self.info.window_extra // 2
        out[:, skipped : skipped + frames * dim] = latents.transpose(0, 2, 1).reshape(batch, -1)
        return out

    def silence(self, frames: int) -> Array:
        return np.zeros((self.info.dim, frames), np.float32)


#: A codec's rate and hop, its extra samples and context, the session's rate, and the hop there.
CASES = [
    (48_000, 960, 0, 0, 44_100, 882),
    (48_000, 1920, 0, 3, 44_100, 1764),
    (48_000, 512, 512, 0, 44_100, 470),
    (44_100, 4096, 1536, 0, 48_000, 4458),
    (44_100, 2048, 0, 2, 48_000, 2229),
    (16_000, 320, 0, 1, 44_100, 882),
    (96_000, 960, 0, 0, 44_100, 441),
    (24_000, 320, 0, 1, 48_000, 640),
]


@pytest.mark.parametrize(("rate", "hop", "extra", "context", "session_rate", "expected"), CASES)
def test_frames_are_whole_at_both_rates(
    rate: int, hop: int, extra: int, context: int, session_rate: int, expected: int
) -> None:
    own = Frames(rate, hop, extra, context).info
    info = info_at(own, session_rate)
    assert (info.hop, info.sample_rate, info.context) == (expected, session_rate, context)
    assert abs(info.hop / session_rate * rate / hop - 1.0) < 0.5 / expected, "the frame lasts as long, to half a sample"
    before, after = Grid.of(own), Grid.of(info)
    assert after.fade * rate >= before.fade * session_rate * 0.99, "crossfades are no shorter"
    assert after.step == before.step
    assert not after.problem(info)


@pytest.mark.parametrize(("rate", "hop", "extra", "context", "session_rate", "_hop"), CASES)
def test_a_window_hears_what_resampling_the_whole_signal_gives(
    rate: int, hop: int, extra: int, context: int, session_rate: int, _hop: int
) -> None:
    codec = Frames(rate, hop, extra, context)
    adapted = at_rate(codec, session_rate)
    info, grid = adapted.info, Grid.of(adapted.info)
    audio = noise(1, grid.window_samples + 9 * grid.step_samples)[:, 0]
    whole = soxr.resample(audio, info.hop, hop, quality="HQ")
    for index in (1, 4):
        start = index * grid.step_samples
        found = adapted.encode(audio[None, start : start + grid.window_samples])[0]
        lead = (info.window_extra - -(-extra * info.hop // hop)) // 2 * hop // info.hop
        first = index * grid.step * hop + lead + extra // 2
        expected = whole[first : first + grid.frames * hop].reshape(grid.frames, hop).T
        assert np.abs(found - expected).max() < TOLERANCE


@pytest.mark.parametrize(("rate", "hop", "extra", "context", "session_rate", "_hop"), CASES)
def test_seams_and_splits_are_not_heard(
    rate: int, hop: int, extra: int, context: int, session_rate: Rate, _hop: int
) -> None:
    """Audio that both rates can hold comes back; where chunks meet, the error is not larger than within them."""
    adapted = Resampled(Frames(rate, hop, extra, context), session_rate)
    info, grid = adapted.info, Grid.of(adapted.info)
    length = 6 * grid.step_samples
    media = media_at(made_up_media(3, length), session_rate, length)
    time_s = np.arange(length) / session_rate
    limit_hz = 0.35 * min(rate, session_rate)
    rng = np.random.default_rng(1)
    sines = sum(
        np.sin(2.0 * np.pi * hz * time_s + phase) for hz, phase in rng.uniform((20.0, 0.0), (limit_hz, 6.0), (9, 2))
    )
    audio = (0.1 * sines * np.hanning(length)).astype(np.float32)
    reader = MemoryAudio({media.digest: audio[:, None]})
    session = edits.add_stems(Session(rate=session_rate), [media], 0)
    renderer = new_renderer(reader, load=lambda *_: adapted)
    mix = render_plan(make_plan(session, info), renderer)[0, :length]
    error = np.abs(mix - audio)
    assert error.max() < 3e-5
    seams = np.zeros(length, bool)
    for index in range(1, 6):
        seams[grid.valid(index)[0] - 200 : grid.valid(index - 1)[1] + 200] = True
    assert seams.mean() < 0.7
    assert error[seams].max() <= max(error[~seams].max(), 1e-6)
    split = edits.split_clips(session, [clip.id for clip in session.clips()], length // 2 + 77)
    assert np.abs(render_plan(make_plan(split, info), renderer)[0, :length] - mix).max() < 1e-6


def test_additive_both_ways() -> None:
    adapted = at_rate(Frames(48_000, 960), 44_100)
    grid = Grid.of(adapted.info)
    one, two = (noise(seed, grid.window_samples)[None, :, 0] for seed in (1, 2))
    assert np.abs(adapted.encode(one + two) - adapted.encode(one) - adapted.encode(two)).max() < 1e-6
    z, w = adapted.encode(one), adapted.encode(two)
    summed = adapted.decode(z + w, first_frames=[0], seed=0)
    apart = adapted.decode(z, first_frames=[0], seed=0) + adapted.decode(w, first_frames=[0], seed=0)
    assert np.abs(summed - apart).max() < 1e-6


def test_a_batch_gives_what_its_windows_give_alone() -> None:
    adapted = at_rate(Frames(48_000, 960), 44_100)
    windows = np.stack([noise(seed, Grid.of(adapted.info).window_samples)[:, 0] for seed in range(3)])
    together = adapted.encode(windows)
    for number, window in enumerate(windows):
        assert (adapted.encode(window[None])[0] == together[number]).all()


def test_identities_tell_rates_apart() -> None:
    own = replace(Frames(48_000, 960).info, latents="frames latents/1", requested="asked for")
    info = info_at(own, 44_100)
    for before, after in (
        (own.identity, info.identity),
        (own.latent_identity, info.latent_identity),
        (own.requested, info.requested),
    ):
        assert before != after
    assert info_at(own, 48_000) is own
    assert info.latent_space == own.latent_space, "channels mean the same"
    provisional = info_at(replace(own, identity="asked for"), 44_100)
    assert provisional.provisional
    assert not info.provisional
    assert info_at(replace(own, latents="", requested=""), 44_100).requested == ""


def test_windows_of_one_length_stay_so() -> None:
    own = replace(Frames(48_000, 960).info, fixed_window=True)
    assert info_at(own, 44_100).chunk_frames == own.chunk_frames


@pytest.mark.parametrize("codec_id", ["mdct-1x", "mdct-2x", "mdct-4x"])
def test_built_in_codecs_are_not_resampled(codec_id: str) -> None:
    low, high = registry.load(codec_id), registry.load(codec_id, rate=48_000)
    audio = noise(1, low.info.window_samples(9))[None, :, 0]
    assert (low.encode(audio) == high.encode(audio)).all()
    latents = low.encode(audio)
    assert (low.decode(latents, first_frames=[0], seed=0) == high.decode(latents, first_frames=[0], seed=0)).all()
    assert replace(high.info, sample_rate=44_100) == low.info
    assert (high.silence(3) == low.silence(3)).all()


def test_the_lossless_codec_gives_the_plain_mix_at_48_khz() -> None:
    """Without the codec, by the sum of the samples."""
    media: list[Media] = [media_at(made_up_media(number, 300_000), 48_000, 300_000) for number in (1, 2)]
    reader = MemoryAudio.of(*media)
    session = edits.add_stems(Session(rate=48_000), media, 1000)
    renderer = new_renderer(reader, load=lambda codec, rate: registry.load(codec, rate=rate))
    info = registry.for_session("mdct-1x", rate=48_000)
    mix = render_plan(make_plan(session, info), renderer)[0]
    expected = sum(reader.audio[item.digest][:, 0] for item in media)
    assert np.abs(mix[1000 : 1000 + 300_000] - expected).max() < 1e-4
    assert info.sample_rate == 48_000
    assert session_of().rate == 44_100
