"""Latent bundles in the window: saving, opening without audio, mixing, editing, and finding the audio again."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from lincae_studio.ui.commands.projects import is_project
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import damage, noise, si_sdr_db, write_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS, set_zoom, wait_rendered
from tests.ui.dialogs.test_audio_files import files_dialog, states
from tests.ui.drive import drag, drop_files, press

pytestmark = pytest.mark.engine

CTRL = Qt.KeyboardModifier.ControlModifier


def settle(qtbot: QtBot, window: MainWindow) -> None:
    jobs = (window.bundles, window.importer, window.project_files)
    qtbot.waitUntil(lambda: not any(one.busy for one in jobs), timeout=LIMIT_MS)
    wait_rendered(qtbot, window)


def mix(window: MainWindow) -> np.ndarray:
    return window.rendering.reader().read(0, window.document.session.length)


@pytest.fixture
def bundle(qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path) -> Path:
    """The song, saved as a bundle from the menu, with its audio moved away."""
    wait_rendered(qtbot, song)
    asked.name = str(tmp_path / "song")
    song.actions_by_id["save_bundle"].trigger()
    qtbot.waitUntil(lambda: not song.bundles.busy, timeout=LIMIT_MS)
    path = tmp_path / "song.lincaez"
    text = song.messages.text.text()
    pcm_bytes = (4 + 3 + 2 * 2) * 44_100 * 3
    assert f"{path}: {path.stat().st_size / 1e6:.1f} MB" in text
    assert f"1/{pcm_bytes / path.stat().st_size:.1f} the size of 24-bit PCM ({pcm_bytes / 1e6:.1f} MB)" in text
    shutil.move(tmp_path / "song", tmp_path / "moved")
    return path


@pytest.fixture
def other_store(tmp_path: Path) -> MediaStore:
    """The media store of another machine."""
    return MediaStore(tmp_path / "cache 2")


@pytest.fixture
def other(qtbot: QtBot, song: MainWindow, other_store: MediaStore, tmp_path: Path) -> Iterator[MainWindow]:
    """A window on another machine."""
    window = MainWindow(other_store, tmp_path / "cache 2")
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.first_painted, timeout=LIMIT_MS):
        window.show()
    window.start_engine_and_views()
    yield window
    window.document.replace(window.document.session, None)
    assert window.close()


def test_a_bundle_opens_and_sounds_without_audio(
    qtbot: QtBot, song: MainWindow, other: MainWindow, other_store: MediaStore, bundle: Path, asked: Asked
) -> None:
    asked.name = str(bundle)
    press(other, Qt.Key.Key_O, CTRL)
    settle(qtbot, other)
    assert other.document.path is None
    assert other.document.title == "song"
    assert not other.document.modified
    assert "contains latents of mdct-2x but no audio" in other.messages.text.text()
    assert si_sdr_db(mix(other), mix(song)) > 60.0
    assert other.rendering.offline == frozenset()
    dialog = files_dialog(qtbot, other)
    assert states(dialog) == dict.fromkeys(["a.wav", "b.wav", "c.wav"], "from latents")
    assert "3 from latents" in dialog.summary.text()
    digest = other.document.session.media[0].digest
    assert other.rendering.dry.read(0, 44_100).any(), "its audio was decoded, for the dry mix and the waveforms"
    assert other_store.get(digest) is not None
    other.document.replace(Session(), None)
    assert "contains latents" not in other.messages.text.text(), "it was about another session"


def test_damaged_audio_is_decoded_again(
    qtbot: QtBot, other: MainWindow, other_store: MediaStore, bundle: Path, tmp_path: Path
) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    before = other.rendering.dry.read(0, 44_100)
    digest = other.document.session.media[0].digest
    (conformed,) = (tmp_path / "cache 2").rglob(f"{digest}/audio.f32")
    damage(conformed, 1000)
    other_store._open.clear()  # as after a restart, when nothing has been verified yet
    assert not np.array_equal(other.rendering.dry.read(0, 44_100), before)
    qtbot.waitUntil(lambda: other_store.get(digest) is not None and not other.bundles.busy, timeout=LIMIT_MS)
    np.testing.assert_allclose(other.rendering.dry.read(0, 44_100), before, atol=1e-4)


def test_a_bundle_is_mixed_and_edited_as_a_project(
    qtbot: QtBot, song: MainWindow, other: MainWindow, bundle: Path
) -> None:
    drop_files(other.timeline.lanes, [bundle], 300, 100)
    settle(qtbot, other)
    for window in (song, other):
        track = window.document.session.tracks[0].id
        window.document.apply("Gain", partial(edits.set_track_gain, track_id=track, gain=0.25))
        wait_rendered(qtbot, window)
    assert si_sdr_db(mix(other), mix(song)) > 60.0
    set_zoom(other, 441)
    drag(other.timeline.lanes, (100, 30), (137, 30))
    assert other.document.session.tracks[0].clips[0].start == 37 * 441
    wait_rendered(qtbot, other)
    assert other.rendering.progress()[0] == other.rendering.progress()[1], "encoded again from the decoded audio"
    press(other, Qt.Key.Key_Z, CTRL)
    wait_rendered(qtbot, other)


def test_finding_the_audio_upgrades_it(
    qtbot: QtBot, song: MainWindow, other: MainWindow, bundle: Path, asked: Asked, tmp_path: Path
) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    dialog = files_dialog(qtbot, other)
    asked.name = str(tmp_path / "moved")
    qtbot.mouseClick(dialog.search_button, Qt.MouseButton.LeftButton)
    settle(qtbot, other)
    assert set(states(dialog).values()) == {"present"}
    assert all(media.original is None for media in other.document.session.media)
    np.testing.assert_array_equal(mix(other), mix(song))


def test_audio_opened_together_with_a_bundle_goes_into_it(
    qtbot: QtBot, other: MainWindow, bundle: Path, tmp_path: Path
) -> None:
    other.open_paths([write_audio(tmp_path / "d.wav", noise(4, 20_000)), bundle])
    settle(qtbot, other)
    qtbot.waitUntil(lambda: len(other.document.session.tracks) == 4, timeout=LIMIT_MS)
    assert other.document.session.tracks[-1].name == "d"
    assert "contains latents of" in other.messages.said[0].message.text


def test_a_project_of_latents_needs_its_bundle(qtbot: QtBot, other: MainWindow, bundle: Path, tmp_path: Path) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    whole = mix(other)
    project = tmp_path / "kept.lincae"
    assert other.save_to(project)
    other.open_project(project)
    settle(qtbot, other)
    np.testing.assert_array_equal(mix(other), whole)
    press(other, Qt.Key.Key_N, CTRL)
    hidden = bundle.rename(tmp_path / "hidden.lincaez")
    window = MainWindow(MediaStore(tmp_path / "cache 3"), tmp_path / "cache 3")
    qtbot.addWidget(window)
    window.show()
    window.start_engine_and_views()
    window.open_project(project)
    settle(qtbot, window)
    assert "Latents that the project needs could not be read" in window.messages.text.text()
    assert len(window.rendering.offline) == 3
    assert set(states(files_dialog(qtbot, window)).values()) == {"from latents, bundle missing"}
    before = project.read_bytes()
    assert window.save_to(project)
    assert project.read_bytes() == before, "saving loses nothing"
    hidden.rename(bundle)
    window.open_project(project)
    settle(qtbot, window)
    np.testing.assert_allclose(mix(window), whole, atol=1e-6)
    assert window.close()
    assert {media.path for media in files.load(project).media} == {str(bundle)}


def test_a_broken_bundle_leaves_the_open_document(qtbot: QtBot, song: MainWindow, bundle: Path) -> None:
    before = song.document.session
    bundle.write_bytes(bundle.read_bytes()[:2000])
    song.open_project(bundle)
    settle(qtbot, song)
    assert "damaged or not a bundle" in song.messages.text.text()
    assert song.document.session is before


def test_a_restarted_engine_gets_the_latents_again(
    qtbot: QtBot, other: MainWindow, song: MainWindow, bundle: Path
) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    for engine in multiprocessing.active_children():  # of both windows
        engine.kill()
    qtbot.waitUntil(lambda: other.rendering.engine_status.text == "engine restarting", timeout=LIMIT_MS)
    track = other.document.session.tracks[1].id
    other.document.apply("Gain", lambda s: edits.set_track_gain(s, track, 0.25))
    wait_rendered(qtbot, other)
    track = song.document.session.tracks[1].id
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, track, 0.25))
    wait_rendered(qtbot, song)
    assert si_sdr_db(mix(other), mix(song)) > 60.0, "from the latents, not from the audio decoded from them"


def test_a_new_document_releases_the_latents(qtbot: QtBot, other: MainWindow, bundle: Path) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    assert other.rendering.bundled
    press(other, Qt.Key.Key_N, CTRL)
    assert not other.rendering.bundled


def test_names_of_projects() -> None:
    assert is_project(Path("a.lincae"))
    assert is_project(Path("a.LINCAEZ"))
    assert not is_project(Path("a.wav"))


def test_edits_made_while_a_bundle_opens_are_asked_about(
    qtbot: QtBot, other: MainWindow, bundle: Path, asked: Asked
) -> None:
    other.open_project(bundle)
    press(other, Qt.Key.Key_T, CTRL)
    qtbot.waitUntil(lambda: not other.bundles.busy, timeout=LIMIT_MS)
    assert "unsaved changes" in asked.questions[-1]
    assert len(other.document.session.tracks) == 1, "cancelled"
    assert other.document.modified


def test_a_bundle_that_was_replaced_is_noticed(
    qtbot: QtBot,
    song: MainWindow,
    other: MainWindow,
    other_store: MediaStore,
    bundle: Path,
    tmp_path: Path,
    asked: Asked,
) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    assert other.save_to(tmp_path / "kept.lincae")
    asked.name, asked.yes = str(bundle), True
    other.actions_by_id["save_bundle"].trigger()
    qtbot.waitUntil(lambda: not other.bundles.busy, timeout=LIMIT_MS)
    assert "his session plays latents from" in other.messages.text.text()
    song.document.apply("Delete", lambda s: edits.remove_tracks(s, [s.tracks[0].id]))
    asked.name = str(bundle)
    song.actions_by_id["save_bundle"].trigger()
    qtbot.waitUntil(lambda: not song.bundles.busy, timeout=LIMIT_MS)
    press(other, Qt.Key.Key_N, CTRL)
    other_store.clear()
    other.open_project(tmp_path / "kept.lincae")
    settle(qtbot, other)
    assert "Latents that the project needs could not be read" in other.messages.text.text()
    assert "it is a different bundle" in other.messages.details
    assert set(states(files_dialog(qtbot, other)).values()) == {"latents missing"}


def test_exporting_an_undecoded_dry_mix_warns(
    qtbot: QtBot, other: MainWindow, other_store: MediaStore, bundle: Path
) -> None:
    other.open_project(bundle)
    settle(qtbot, other)
    assert other.rendering.export_warnings(dry=True) == []
    other_store.clear()
    assert "3 clips is not decoded" in other.rendering.export_warnings(dry=True)[0]
    assert other.rendering.export_warnings() == []
