"""A project from another person may refer to any file: none is copied or used without asking."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import Original, Session
from lincae_studio.ui.dialogs.audio_files import AudioFilesDialog
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import files_below, import_audio, made_up_media, noise, write_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS
from tests.ui.dialogs.test_audio_files import settle


@pytest.fixture
def elsewhere(tmp_path: Path) -> MediaStore:
    """The media store of another computer."""
    return MediaStore(tmp_path / "another computer")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "secret"
    path.parent.mkdir()
    path.write_bytes(b"PRIVATE KEY" * 100)
    return path


@pytest.fixture
def song(tmp_path: Path, elsewhere: MediaStore, secret: Path) -> Path:
    """A project of a file beside it, of `../home/secret`, and of the same file as a bundle."""
    folder = tmp_path / "received"
    kick = import_audio(elsewhere, folder / "kick.wav", noise(1, 5000))
    named = replace(made_up_media(1, 1000), path=str(secret))
    original = Original(digest="0" * 64, path="snare.wav", codec="mdct-2x")
    bundle = replace(made_up_media(2, 1000), path=str(secret), original=original)
    files.save(edits.add_stems(Session(), [kick, named, bundle], 0), folder / "song.lincae")
    assert "../home/secret" in (folder / "song.lincae").read_text()
    return folder / "song.lincae"


@pytest.mark.parametrize("yes", [True, False])
def test_only_the_projects_audio_is_collected(
    qtbot: QtBot, window: MainWindow, song: Path, secret: Path, asked: Asked, yes: bool
) -> None:
    window.open_project(song)
    settle(qtbot, window)
    asked.yes = yes
    window.actions_by_id["collect"].trigger()
    settle(qtbot, window)
    [question] = asked.questions
    assert f"{secret} is not the audio that the project expects" in question
    assert "Collect the other files?" in question
    folder = song.with_name("song audio")
    assert [path.name for path in files_below(folder)] == (["kick.wav"] if yes else [])
    assert ("Collected 1 audio file in" in window.messages.text.text()) == yes
    assert not any(b"PRIVATE" in path.read_bytes() for path in files_below(song.parent))


def test_when_there_is_nothing_to_collect_the_files_are_named(
    qtbot: QtBot, window: MainWindow, song: Path, secret: Path, asked: Asked
) -> None:
    song.with_name("kick.wav").unlink()
    window.open_project(song)
    settle(qtbot, window)
    window.actions_by_id["collect"].trigger()
    settle(qtbot, window)
    assert asked.questions == []
    assert "kick.wav is missing" in window.messages.text.text()
    assert str(secret) in window.messages.text.text()
    assert not song.with_name("song audio").exists()


def test_files_outside_the_folder_are_named_when_the_project_is_opened(
    qtbot: QtBot, window: MainWindow, elsewhere: MediaStore, tmp_path: Path
) -> None:
    memo = import_audio(elsewhere, tmp_path / "home" / "memo.wav", noise(2, 5000))
    kick = import_audio(elsewhere, tmp_path / "received" / "kick.wav", noise(1, 5000))
    gone = replace(made_up_media(1, 1000), path=str(tmp_path / "home" / "gone.wav"))
    song = tmp_path / "received" / "song.lincae"
    files.save(edits.add_stems(Session(), [kick, memo, gone], 0), song)
    window.open_project(song)
    qtbot.waitUntil(lambda: "outside its folder" in window.messages.text.text(), timeout=LIMIT_MS)
    text = window.messages.text.text()
    assert "uses 1 file outside its folder, new to this computer" in text
    assert memo.path in text
    assert kick.path not in text
    assert "3 audio files: 1 missing" in text
    qtbot.mouseClick(window.messages.offer, Qt.MouseButton.LeftButton)
    assert any(one.isVisible() for one in window.findChildren(AudioFilesDialog))
    window.messages.info("")
    settle(qtbot, window)
    window.open_project(song)
    settle(qtbot, window)
    assert "outside" not in window.messages.text.text(), "it is known from now on"


def test_ones_own_files_are_not_reported(
    qtbot: QtBot, window: MainWindow, store: MediaStore, elsewhere: MediaStore, tmp_path: Path
) -> None:
    drums = write_audio(tmp_path / "library" / "drums.wav", noise(3, 5000))
    song = tmp_path / "mine" / "song.lincae"
    song.parent.mkdir()
    files.save(edits.add_stems(Session(), [store.import_file(drums)], 0), song)
    window.open_project(song)
    settle(qtbot, window)
    assert "outside" not in window.messages.text.text()


def test_files_of_the_right_name_and_length_are_asked_about(
    qtbot: QtBot, window: MainWindow, elsewhere: MediaStore, asked: Asked, tmp_path: Path
) -> None:
    media = [
        import_audio(elsewhere, tmp_path / "a" / f"{name}.wav", noise(1, n)) for name, n in (("x", 900), ("y", 800))
    ]
    song = tmp_path / "song.lincae"
    files.save(edits.add_stems(Session(), media, 0), song)
    for item in media:
        Path(item.path).unlink()
    write_audio(tmp_path / "found" / "x.wav", noise(1, 900))
    other = write_audio(tmp_path / "found" / "y.wav", noise(9, 800))
    window.open_project(song)
    settle(qtbot, window)
    for yes, count in ((False, 1), (True, 2)):
        asked.yes = yes
        window.project_files.search(tmp_path / "found")
        settle(qtbot, window)
        assert str(other) in asked.questions[-1]
        present = [item for item in window.project_files.used if Path(item.path).parent == tmp_path / "found"]
        assert len(present) == count
