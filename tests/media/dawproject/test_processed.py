"""Processed clips in DAWprojects: what they sound like is written as audio, since the format knows no processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, processing
from lincae_studio.session.model import Clip, Session
from lincae_studio.session.processes import Reverse
from tests.helpers import import_audio, noise

RATE = 44_100


@pytest.fixture
def session(store: MediaStore, tmp_path: Path) -> Session:
    """A clip of half a second, from 0.25 s of a file of a second on, and all of it on another track."""
    media = import_audio(store, tmp_path / "kick.wav", noise(1, RATE, 2))
    made = edits.add_stems(Session(), [media, media], 1000)
    return edits.trim_clip(made, 2, 1000 + RATE // 4, 1000 + RATE * 3 // 4)


def played(store: MediaStore, session: Session, clip: Clip) -> np.ndarray:
    store.ensure(session.media_of(clip.media))
    return np.array(store.open(clip.media).samples[clip.offset : clip.offset + clip.length])


@pytest.mark.parametrize("stretched", [False, True])
def test_processed_audio_is_written_and_sounds_the_same_when_read(
    store: MediaStore, session: Session, tmp_path: Path, stretched: bool
) -> None:
    turned = processing.add_process(session, {2}, Reverse())
    if stretched:
        turned = processing.set_stretch(turned, {2}, factor=1.25, semitones=-2.0)
    path, folder = tmp_path / "song.dawproject", tmp_path / "song audio"
    notes = write_dawproject(turned, store, path, "Song")
    assert [note for note in notes if "has the processing of its clips (reversed" in note]
    found, _ = read_dawproject(path, folder, store)
    assert all(media.derived is None for media in found.media), "it is a file like others"
    for was, now in zip(turned.clips(), found.clips(), strict=True):
        assert (now.start, now.length) == (was.start, was.length)
        assert played(store, found, now) == pytest.approx(played(store, turned, was), abs=1e-6)
    assert next(turned.clips()).length == pytest.approx(RATE * (0.625 if stretched else 0.5), abs=1)
