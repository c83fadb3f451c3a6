"""What tests of DAWprojects have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media, Session
from lincae_studio.session.rules import validated
from tests.helpers import noise, write_audio
from tests.media.dawproject.texts import RATE, Read, packed, wav


@pytest.fixture
def media(store: MediaStore, tmp_path: Path) -> list[Media]:
    """Two files of one name, one of them of another rate; one of another format; two channels of a file of four."""
    stems = tmp_path / "stems"
    return [
        store.import_file(write_audio(stems / "a" / "kick.wav", noise(1, 9000))),
        store.import_file(write_audio(stems / "b" / "Kick.wav", noise(2, 6500, 2), rate=48_000)),
        store.import_file(write_audio(stems / "hat <é>.flac", noise(3, 150), subtype="PCM_24")),
        store.import_file(write_audio(stems / "surround.wav", noise(4, 7000, 4)), channel_selection="2,3"),
    ]


@pytest.fixture
def read(store: MediaStore, tmp_path: Path) -> Read:
    """Read a project text with `audio/one.wav` of two seconds in the archive, and other members if given."""

    def run(project: str, members: Mapping[str, bytes] | None = None) -> tuple[Session, list[str]]:
        path = packed(tmp_path / "in.dawproject", project, {"audio/one.wav": wav(1, 2 * RATE)} | dict(members or {}))
        session, notes = read_dawproject(path, tmp_path / "in audio", store)
        assert validated(session) is session
        return session, notes

    return run
