"""Commands rebuild damaged audio in the cache from its file, or say why they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from tests.cli.test_exports import refused
from tests.cli.test_mix import lincae
from tests.helpers import damage, noise, read_audio, write_audio


@pytest.fixture
def song(tmp_path: Path, store: MediaStore, cache_dir: Path) -> Path:
    """A project whose audio is damaged in the cache, in the second of its two seconds."""
    media = store.import_file(write_audio(tmp_path / "music" / "drums.wav", noise(1, 90_000, 2, 0.1)))
    path = tmp_path / "music" / "song.lincae"
    files.save(edits.set_codec(edits.add_stems(Session(), [media], 0), "mdct-1x"), path)
    (conformed,) = cache_dir.glob(f"media-v1/*/{media.digest}/audio.f32")
    damage(conformed, 80_000 * 8 + 3)
    return path


@pytest.mark.parametrize("command", ["render", "bundle", "export-dawproject"])
def test_damaged_audio_is_rebuilt(song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    target = tmp_path / {"render": "a.wav", "bundle": "a.lincaez"}.get(command, "a.dawproject")
    assert run([command, str(song), "-o", str(target)]) == 0
    warned = capsys.readouterr().err
    if command != "export-dawproject":  # which copies the file itself
        drums = song.with_name("drums.wav")
        assert f"the cached audio of drums.wav was damaged and has been recreated from {drums}" in warned
    first = target.rename(target.with_name(f"first{target.suffix}"))
    lincae(capsys, command, song, "-o", target)
    if command == "render":  # the header of a WAV has the time
        assert np.array_equal(read_audio(target), read_audio(first))
    else:
        assert target.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("command", ["render", "bundle", "export-dawproject"])
def test_damaged_audio_without_its_file_is_an_error(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    song.with_name("drums.wav").unlink()
    target = tmp_path / {"render": "a.wav", "bundle": "a.lincaez"}.get(command, "a.dawproject")
    said = refused(capsys, command, song, "-o", target)
    assert "damaged" in said
    assert not target.exists()
