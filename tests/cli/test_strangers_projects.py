"""Commands list the files outside its folder that a project from another computer uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from lincae_studio.cli import run
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from tests.helpers import import_audio, noise


def test_files_outside_the_folder_of_a_strangers_project_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = MediaStore(tmp_path / "another computer")
    memo = import_audio(elsewhere, tmp_path / "home" / "memo.wav", noise(2, 5000))
    song = tmp_path / "received" / "song.lincae"
    song.parent.mkdir()
    files.save(edits.set_codec(edits.add_stems(Session(), [memo], 0), "mdct-1x"), song)
    for warned in (True, False):
        assert run(["render", str(song), "-o", str(tmp_path / "mix.wav")]) == 0
        said = capsys.readouterr().err
        assert (f"outside its folder, new to this computer: {memo.path}" in said) == warned
