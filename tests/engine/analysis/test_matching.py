"""Finding a stem in a mix under known lags, gains, pans and polarities; and taking it out."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.engine.analysis.matching import StemMatch, find_lag, match_stem, pan_of, robust_gain
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.errors import Cancelled, EditError
from lincae_studio.jobs import CancelToken
from lincae_studio.session import edits
from lincae_studio.session.levels import mono_pan, stereo_balance
from lincae_studio.session.minus_one import match_track, shift_track
from lincae_studio.session.model import Master, Media, Session
from tests.helpers import DEMO, MemoryAudio, made_up_media, new_renderer, noise, render_all, si_sdr_db

LENGTH = 200_000


def music(seed: int, length: int = LENGTH) -> Array:
    """Decaying notes of a few harmonics at random places: like a stem, it repeats itself, and is coloured."""
    rng = np.random.default_rng(seed)
    audio = np.zeros(length + 20_000, np.float32)
    time = np.arange(20_000) / 44_100
    for start in range(0, length, 5000):
        pitch = 110.0 * 2.0 ** (rng.integers(0, 24) / 12)
        note = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 6))
        place = start + int(rng.integers(0, 500))
        part = audio[place : place + len(time)]
        part += (note * np.exp(-5 * time)).astype(np.float32)[: len(part)]
    return 0.1 * audio[:length]


def project(mix: Array, stem: Array) -> tuple[Session, MemoryAudio]:
    """A mix on one track, a stem on another, both from 0 on."""
    audio = {}
    session = Session()
    for number, samples in enumerate((mix, stem)):
        samples = samples if samples.ndim == 2 else samples[:, None]
        item = made_up_media(number, len(samples), samples.shape[1])
        audio[item.digest] = samples
        session = edits.add_stems(session, [item], 0)
    return session, MemoryAudio(audio)


def matched(session: Session, reader: MemoryAudio, codec: str = "mdct-4x", most: int = 8000) -> StemMatch:
    plan = make_plan(session, registry.info(codec))
    return match_stem(session, session.tracks[1].id, plan, reader, new_renderer(reader).render_many, most)


@pytest.mark.parametrize("lag", [0, 1, 37, -37, 5000, -7999])
@pytest.mark.parametrize("gain", [1.0, 0.25, -0.7])
def test_lag_and_gain_are_found_beside_other_music(lag: int, gain: float) -> None:
    stem, rest = music(1), music(2)
    mix = rest + gain * np.roll(np.pad(stem, (8000, 8000)), lag)[8000:-8000]
    session, reader = project(mix, stem)
    found = matched(session, reader)
    assert found.lag.samples == lag
    assert found.lag.certainty > 0.5
    assert found.gain == pytest.approx(gain, abs=0.04), "the rest resembles it a little"
    assert found.after_db < found.before_db


def test_subtracting_the_match_leaves_the_rest() -> None:
    stem, rest = music(1), music(2)
    mix = rest + 0.5 * np.roll(np.pad(stem, (8000, 8000)), 123)[8000:-8000]
    session, reader = project(mix, stem)
    track = session.tracks[1].id
    found = matched(session, reader)
    apart = match_track(session, track, found.lag.samples, found.gain)
    left = render_all(apart, reader, "mdct-4x")[0, :LENGTH]
    only_rest, its_audio = project(rest, rest)
    only_rest = edits.set_track_mute(only_rest, only_rest.tracks[1].id, True)
    best = render_all(only_rest, its_audio, "mdct-4x")[0, :LENGTH]
    assert si_sdr_db(left[8000:-8000], best[8000:-8000]) > 25.0
    naive = render_all(edits.set_track_subtract(session, track, True), reader, "mdct-4x")[0, :LENGTH]
    assert si_sdr_db(naive[8000:-8000], best[8000:-8000]) < 5.0, "without matching it is no use"


def test_with_nothing_else_in_the_mix_the_gain_is_exact_and_steady() -> None:
    stem = noise(3, LENGTH)[:, 0]
    session, reader = project(0.3 * stem, stem)
    found = matched(session, reader)
    assert found.gain == pytest.approx(0.3, rel=1e-5)
    assert found.spread_db < 0.001
    assert found.after_db < -90.0
    assert found.before_db == pytest.approx(20 * np.log10(0.3), abs=0.01)


def test_a_varying_gain_is_reported() -> None:
    stem = noise(3, LENGTH)[:, 0]
    ramp = np.linspace(1.0, 0.5, LENGTH, dtype=np.float32)
    session, reader = project(ramp * stem, stem)
    assert 0.7 < matched(session, reader).spread_db < 3.0


def test_a_stem_missing_from_the_mix_has_low_certainty() -> None:
    session, reader = project(music(2), noise(3, LENGTH)[:, 0])
    found = matched(session, reader)
    assert found.lag.certainty < 0.3
    assert abs(found.gain) < 0.1


def demo(name: str) -> Array:
    audio, _ = sf.read(DEMO / f"{name}.ogg", frames=8 * 88_064, dtype="float32", always_2d=True)
    return audio.mean(axis=1)


@pytest.mark.parametrize("name", ["keys", "lead"])
def test_a_quiet_or_tonal_stem_is_found_where_it_is_by_its_steady_gain(name: str) -> None:
    """By the lag alone, both seem to be elsewhere or not in the mix at all."""
    stem = demo(name)
    rest = sum((demo(other) for other in ("drums", "bass", "guitar")), np.zeros_like(stem))
    found = matched(*project(rest + stem, stem), most=44_100)
    assert found.lag.samples == 0
    assert found.lag.certainty < 0.3
    assert found.found
    assert found.gain == pytest.approx(1.0, abs=0.05)
    absent = matched(*project(rest, stem), most=44_100)
    assert not absent.found


def test_the_search_for_a_lag_is_limited() -> None:
    stem = noise(3, LENGTH)[:, 0]
    mix = np.roll(np.pad(stem, (8000, 8000)), 3000)[8000:-8000]
    padded = np.pad(mix, (2000, 2000))
    assert find_lag(padded, stem, 2000).certainty < 0.5
    padded = np.pad(mix, (4000, 4000))
    assert find_lag(padded, stem, 4000).samples == 3000


def test_what_resembles_the_stem_in_a_few_values_hardly_counts() -> None:
    rng = np.random.default_rng(5)
    stem, rest = rng.standard_normal((64, 300)).astype(np.float32), np.zeros((64, 300), np.float32)
    rest[:8] = 3.0 * stem[:8]  # another instrument plays the same in some channels
    plain = float(((0.5 * stem + rest) * stem).sum() / (stem * stem).sum())
    assert plain > 0.8
    assert robust_gain(0.5 * stem + rest, stem) == pytest.approx(0.5, abs=0.01)
    assert robust_gain(rest, np.zeros_like(rest)) == 0.0


@pytest.mark.parametrize("sides", [(0.5, 0.5), (0.8, 0.2), (0.0, 0.6), (0.7, 0.0)])
@pytest.mark.parametrize("stereo", [False, True])
def test_pan_is_found_by_the_laws_of_the_mixer(sides: tuple[float, float], stereo: bool) -> None:
    gain, pan = pan_of(sides, stereo)
    laws = stereo_balance(pan) if stereo else mono_pan(pan)
    np.testing.assert_allclose([gain * law for law in laws], sides, atol=1e-9)


def test_the_bus_gains_of_a_panned_stem_are_found() -> None:
    stem, rest = music(1), np.stack([music(2), music(4)], axis=1)
    mix = rest + np.stack([0.8 * stem, 0.2 * stem], axis=1)
    session, reader = project(mix, stem)
    found = matched(session, reader)
    np.testing.assert_allclose(found.bus_gains, [0.8, 0.2], atol=0.06)


def test_the_fader_and_the_polarity_of_the_stem_do_not_matter() -> None:
    stem = music(1)
    session, reader = project(music(2) + 0.5 * stem, stem)
    track = session.tracks[1].id
    changed = edits.set_track_subtract(edits.set_track_gain(session, track, 0.1), track, True)
    changed = edits.set_track_mute(changed, track, True)
    assert matched(changed, reader) == matched(session, reader)


def test_the_master_does_not_matter() -> None:
    stem = noise(3, LENGTH)[:, 0]
    session, reader = project(0.3 * stem, stem)
    quiet = replace(session, master=Master(gain=0.0))
    assert matched(quiet, reader) == matched(session, reader)


def test_silence_and_empty_tracks_are_refused() -> None:
    stem = music(1)
    silent = np.zeros(LENGTH, np.float32)
    for mix, other, said in ((silent, stem, "mix without it is silent"), (stem, silent, "is silent")):
        session, reader = project(mix, other)
        with pytest.raises(EditError, match=said):
            matched(session, reader)
    session, reader = project(stem, stem)
    empty = edits.remove_clips(session, [session.tracks[1].clips[0].id])
    with pytest.raises(EditError, match="no audible clip"):
        matched(empty, reader)


def test_it_can_be_cancelled() -> None:
    session, reader = project(music(2), music(1))
    token = CancelToken()
    token.cancel()
    plan = make_plan(session, registry.info("mdct-4x"))
    with pytest.raises(Cancelled):
        match_stem(session, session.tracks[1].id, plan, reader, new_renderer(reader).render_many, 44_100, cancel=token)


# The edit


def media() -> Media:
    return made_up_media(1, 1000)


def test_a_shift_trims_clips_that_would_start_before_0() -> None:
    session = edits.add_stems(Session(), [media()], 0)
    track = session.tracks[0].id
    assert shift_track(session, track, 300).tracks[0].clips[0].start == 300
    [clip] = shift_track(session, track, -300).tracks[0].clips
    assert (clip.start, clip.offset, clip.length) == (0, 300, 700)
    assert shift_track(session, track, -1000).tracks[0].clips == ()
    faded = edits.set_clip_fades(session, {session.tracks[0].clips[0].id}, 400, 900)
    [clip] = shift_track(faded, track, -300).tracks[0].clips
    assert (clip.fade_in, clip.fade_out) == (100, 700)


def test_a_matched_track_is_subtracted_and_an_inverted_one_added() -> None:
    session = edits.add_stems(Session(), [media()], 0)
    session = edits.set_track_mute(session, session.tracks[0].id, True)
    track = session.tracks[0].id
    [found] = match_track(session, track, 0, 0.5, 0.25).tracks
    assert (found.gain, found.pan, found.subtract, found.mute) == (0.5, 0.25, True, False)
    [found] = match_track(session, track, 0, -0.5).tracks
    assert (found.gain, found.subtract) == (0.5, False)
    [found] = match_track(session, track, 10).tracks
    assert (found.gain, found.subtract, found.clips[0].start) == (1.0, True, 10)
    with pytest.raises(EditError, match="24 dB"):
        match_track(session, track, 0, 20.0)


def test_a_matched_track_is_heard_where_others_are_soloed() -> None:
    session = edits.add_track(edits.add_stems(Session(), [media()], 0))
    stem, other = (track.id for track in session.tracks)
    assert not match_track(session, stem).tracks[0].solo
    soloed = match_track(edits.set_track_solo(session, other, True), stem)
    assert soloed.audible(soloed.track(stem))
