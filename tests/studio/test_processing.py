"""Processing clips in Python: the samples that are heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.errors import EditError, MediaError, ProjectError
from lincae_studio.session import places, processing
from lincae_studio.session.derived import Chain
from lincae_studio.session.model import Tempo
from lincae_studio.session.processes import Invert, RemoveDC, Reverse
from tests.helpers import noise, tone, write_audio

RATE = 44_100


@pytest.fixture
def song(tmp_path: Path) -> ls.Session:
    drums = write_audio(tmp_path / "drums.wav", noise(1, RATE, 2))
    return ls.Session.from_files(drums, write_audio(tmp_path / "bass.wav", tone(110.0, RATE)), codec="mdct-1x")


def samples(song: ls.Session, track: str) -> np.ndarray:
    return np.asarray(song[track].render(content="dry").samples)


def test_processed_samples_are_heard(song: ls.Session) -> None:
    [clip] = song["drums"].clips
    before = samples(song, "drums")
    assert samples(song.reverse(clip), "drums") == pytest.approx(before[:, ::-1], abs=1e-6)
    assert samples(song.invert(clip), "drums") == pytest.approx(-before, abs=1e-6)
    assert samples(song.use_channels("swap", clip), "drums") == pytest.approx(before[::-1], abs=1e-6)
    assert song.reverse(clip).unprocess(clip).document == song.document
    assert samples(song.remove_dc(clip), "drums").shape == before.shape


def test_a_stretched_clip_is_as_long_as_asked_for(song: ls.Session) -> None:
    [clip] = song["drums"].clips
    assert song.stretch_clip(clip, 1.5)["drums"].clips[0].end == 1.5
    assert song.stretch_clip(clip, length=0.75)["drums"].clips[0].end == 0.75
    assert song.stretch_clip(clip, tempo=(120.0, 60.0), semitones=-1.0)["drums"].clips[0].end == 2.0
    assert np.abs(samples(song.stretch_clip(clip, 1.5), "drums")[:, RATE:]).max() > 0.01
    with pytest.raises(EditError, match="twice"):
        song.stretch_clip(clip, 1.5, length=2.0)
    followed = song.apply(places.set_tempo, Tempo(bpm=60.0)).follow_tempo(clip, 90.0)
    assert followed["drums"].clips[0].end == 1.5


def test_levels_and_silence(song: ls.Session, tmp_path: Path) -> None:
    [clip] = song["bass"].clips
    assert np.abs(samples(song.normalise(clip, peak_db=-6.0), "bass")).max() == pytest.approx(0.501, abs=1e-3)
    assert song.normalise(clip, loudness=-20.0)["bass"].clips[0].gain != 1.0
    with pytest.raises(EditError, match="one level"):
        song.normalise(clip)
    gap = np.concatenate([np.zeros((RATE, 1), np.float32), noise(2, RATE), np.zeros((RATE, 1), np.float32)])
    more = song.add_stems(write_audio(tmp_path / "gap.wav", gap))
    [late] = more.trim_silence(*more["gap"].clips)["gap"].clips
    assert (late.start, late.end) == pytest.approx((0.99, 2.01), abs=1e-3)
    stripped = more.strip_silence(*more["gap"].clips, before=0.1, after=0.2)["gap"].clips
    assert [(clip.start, clip.end) for clip in stripped] == [pytest.approx((0.9, 2.2), abs=1e-3)]
    silent = song.add_stems(write_audio(tmp_path / "silent.wav", np.zeros((RATE, 1), np.float32)))
    for refused in (lambda s, c: s.normalise(c, peak_db=-1.0), lambda s, c: s.trim_silence(c)):
        with pytest.raises(MediaError, match="silent"):
            refused(silent, silent["silent"].clips[0])


def test_a_bundle_has_the_latents_of_processed_audio(song: ls.Session, tmp_path: Path) -> None:
    [clip] = song["drums"].clips
    turned = song.reverse(clip)
    bundle = ls.Session.open(turned.save(tmp_path / "song.lincaez"))
    media = next(item for item in bundle.document.media if item.original is not None and item.original.chain)
    assert media.derived is None
    again = bundle.reverse(bundle["drums"].clips[0])  # of the audio decoded from latents
    before, after = samples(song, "drums"), samples(again, "drums")
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99
    saved = ls.Session.open(again.save(tmp_path / "again.lincae"))
    assert samples(saved, "drums") == pytest.approx(after, abs=1e-6)


def test_bundles_of_bundles_know_all_that_the_file_was_processed_with(song: ls.Session, tmp_path: Path) -> None:
    [clip] = song["drums"].clips
    first, more = (RemoveDC(), Reverse()) * 5, (Invert(), Reverse()) * 3
    bundle = ls.Session.open(chained(song, clip, first).save(tmp_path / "song.lincaez"))
    again = ls.Session.open(chained(bundle, bundle["drums"].clips[0], more).save(tmp_path / "again.lincaez"))
    assert first + more in [item.original.chain for item in again.document.media if item.original is not None]
    longer = chained(bundle, bundle["drums"].clips[0], (*more, RemoveDC()))
    with pytest.raises(ProjectError, match=r"drums\.wav is processed 17 times"):
        longer.save(tmp_path / "longer.lincaez")
    assert not (tmp_path / "longer.lincaez").exists()


def chained(song: ls.Session, clip: ls.Clip, chain: Chain) -> ls.Session:
    return song.apply(processing.set_chains, {clip.id: chain})
