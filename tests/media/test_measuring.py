"""Where audio is louder than a threshold: every sample counts, and blocks make no difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.jobs import CancelToken
from lincae_studio.media import measuring
from lincae_studio.media.measuring import silences_of, sounding, sounds_of
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from lincae_studio.session.silence import Stripping
from tests.helpers import import_audio


@pytest.mark.parametrize("seed", range(20))
def test_sounds_are_those_of_a_walk_over_all_samples(
    store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(measuring, "_BLOCK_FRAMES", 37)
    rng = np.random.default_rng(seed)
    samples = np.where(rng.random((400, 2)) < 0.02, 0.5, 0.05).astype(np.float32)
    media = store.open(import_audio(store, tmp_path / "a.wav", samples).digest)
    first, last, gap = 11, 390, int(rng.integers(1, 60))
    expected: list[tuple[int, int]] = []
    for at in range(first, last):
        if samples[at].max() > 0.1:
            if expected and at - expected[-1][1] < gap:
                expected[-1] = expected[-1][0], at + 1
            else:
                expected.append((at, at + 1))
    assert sounds_of(media, first, last, 0.1, gap, CancelToken()) == expected
    if expected:
        found = sounding(media, first, last, 0.1, "a", CancelToken())
        assert found == (expected[0][0], expected[-1][1]), "trimming looks in the same way"


def test_silence_is_found_at_the_place_of_the_clip(store: MediaStore, tmp_path: Path) -> None:
    samples = np.zeros((4000, 1), np.float32)
    samples[1000:1500] = samples[3000:3200] = 0.5
    session = edits.add_stems(Session(), [import_audio(store, tmp_path / "a.wav", samples)], 7000)
    clip = edits.trim_clip(session, 2, 7500, 11_000).clip(2)
    stripping = Stripping(-20.0, silence_s=0.5, sound_s=0.2, before_s=0.1, after_s=0.05)
    audio = store.open(clip.media)
    found = silences_of(audio, clip, ((clip.start, clip.end),), stripping, 1000, CancelToken())
    assert found == ((7500, 7900), (8550, 9900), (10_250, 11_000))
