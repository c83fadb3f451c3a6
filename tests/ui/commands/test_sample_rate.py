"""Session > Sample Rate: everything keeps its time, one undo takes it back, and what cannot be converted says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from lincae_studio.engine.bundles.writer import write_bundle
from lincae_studio.media.store import MediaStore
from lincae_studio.playback.sinks import Pull
from lincae_studio.session import edits, files, places
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import Loop, Session, Tempo
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.plain_text import from_menu
from lincae_studio.ui.views.heatmap import HeatmapPanel
from tests.helpers import new_renderer, tone, write_audio
from tests.playback.test_player import SteppedSink
from tests.ui.conftest import LIMIT_MS, PX, wait_imported, wait_rendered
from tests.ui.drive import choose, drag, move, press, release

CTRL = Qt.KeyboardModifier.ControlModifier

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)  # popups offscreen


def rates_menu(window: MainWindow) -> QMenu:
    return next(menu for menu in window.menuBar().findChildren(QMenu) if from_menu(menu.title()) == "Sample Rate")


def convert(qtbot: QtBot, window: MainWindow, text: str) -> None:
    """Choose a rate by the keyboard in the open menu, and wait for the conversion."""
    menu = rates_menu(window)
    menu.popup(window.mapToGlobal(QPoint(50, 50)))
    choose(menu, text)
    qtbot.waitUntil(lambda: not window.sample_rate.busy, timeout=LIMIT_MS)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=LIMIT_MS)


def checked(window: MainWindow) -> list[str]:
    return [from_menu(action.text()) for action in rates_menu(window).actions() if action.isChecked()]


def test_a_song_is_converted_and_everything_keeps_its_time(qtbot: QtBot, song: MainWindow) -> None:
    song.document.apply("Loop", lambda session: places.set_loop(session, 44_100, 88_200))
    song.document.apply("Tempo", lambda session: places.set_tempo(session, Tempo(bpm=120.0, start=22_050)))
    song.transport.seek(44_100)
    before, px = song.document.session, song.timeline.axis.samples_per_px
    assert checked(song) == ["44.1 kHz"]
    assert song.status.codec.text().startswith("44.1 kHz")
    convert(qtbot, song, "48")
    high = song.document.session
    assert high.rate == 48_000
    assert checked(song) == ["48 kHz"]
    assert song.document.undo_name == "Sample Rate: 48 kHz"
    assert high.loop == Loop(start=48_000, end=96_000)
    assert high.tempo == Tempo(bpm=120.0, start=24_000)
    assert [clip.length for clip in high.clips()] == [4 * 48_000, 3 * 48_000, 2 * 48_000]
    assert all(rate_of(media.digest) == 48_000 for media in high.media)
    assert song.transport.position == 48_000
    assert song.timeline.axis.samples_per_px == pytest.approx(px * 48 / 44.1)
    assert song.clock.text() == "0:01.000"
    assert song.rendering.update_plan().codec.sample_rate == 48_000
    assert song.status.codec.text().startswith("48 kHz")
    assert not song.rendering.offline

    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session is before
    assert checked(song) == ["44.1 kHz"]
    assert song.transport.position == 44_100
    assert song.timeline.axis.samples_per_px == pytest.approx(px)
    press(song, Qt.Key.Key_Y, CTRL)
    assert song.document.session == high
    assert checked(song) == ["48 kHz"]


@pytest.mark.engine
def test_a_session_at_48_khz_from_import_to_export(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.preferences.set(sample_rate=48_000, codec="mdct-1x")
    press(window, Qt.Key.Key_N, CTRL)
    assert window.document.session.rate == 48_000
    samples = tone(1000.0, 3 * 48_000, 48_000, 0.3)
    window.open_paths([write_audio(tmp_path / "tone.wav", samples, 48_000)])
    wait_imported(qtbot, window)
    assert window.document.session.length == len(samples), "nothing is resampled"
    window.document.apply("Gain", lambda session: edits.set_track_gain(session, session.tracks[0].id, 0.5))
    wait_rendered(qtbot, window)
    reader = window.rendering.reader()
    assert reader.rate == 48_000
    assert np.abs(reader.read(0, len(samples))[0] - 0.5 * samples[:, 0]).max() < 1e-4
    window.exporter.export(tmp_path / "mix.wav", window.preferences.value.export)
    qtbot.waitUntil(lambda: not window.exporter.busy, timeout=LIMIT_MS)
    written, rate = sf.read(tmp_path / "mix.wav", dtype="float32")
    assert rate == 48_000
    assert np.abs(written - 0.5 * samples[:, 0]).max() < 1e-4
    assert window.save_to(tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae").rate == 48_000


def test_playback_stops_and_continues_at_the_other_rate(qtbot: QtBot, song: MainWindow) -> None:
    sinks: list[SteppedSink] = []

    def open_sink(pull: Pull, rate: int) -> SteppedSink:
        sinks.append(SteppedSink(pull, rate))
        return sinks[-1]

    song.player.sinks = (open_sink,)
    press(song, Qt.Key.Key_Space)
    was_playing = song.player.playing
    convert(qtbot, song, "48")
    assert (was_playing, song.player.playing) == (True, False)
    assert sinks[0].closed
    song.rendering.update_plan()
    press(song, Qt.Key.Key_Space)
    assert [sink.rate for sink in sinks] == [44_100, 48_000]
    press(song, Qt.Key.Key_Space)


def test_an_empty_session_changes_at_once(window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_Escape)
    menu = rates_menu(window)
    menu.popup(window.mapToGlobal(QPoint(50, 50)))
    place = menu.actionGeometry(window.actions_by_id["sample_rate_48000"]).center()
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert window.document.session == Session(rate=48_000)
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session == Session()


def test_a_missing_file_is_named_and_nothing_changes(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    before = song.document.session
    (tmp_path / "song" / "b.wav").unlink()
    convert(qtbot, song, "48")
    assert song.document.session is before
    assert checked(song) == ["44.1 kHz"]
    assert "The sample rate was not changed" in song.messages.text.text()
    assert "b.wav" in song.messages.text.text()


def test_a_file_that_has_changed_is_named_and_nothing_changes(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    before = song.document.session
    write_audio(tmp_path / "song" / "b.wav", tone(330.0, 3 * 44_100, level=0.2))
    song.sample_rate.change(48_000)
    qtbot.waitUntil(lambda: not song.sample_rate.busy, timeout=LIMIT_MS)
    assert song.document.session is before
    assert "b.wav has changed" in song.messages.text.text()


def test_unused_files_may_be_missing(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "song" / "b.wav").unlink()
    track = song.document.session.tracks[1].id
    song.document.apply("Remove Track", lambda session: edits.remove_tracks(session, {track}))
    convert(qtbot, song, "48")
    assert song.document.session.rate == 48_000
    assert len(song.document.session.media) == 2
    press(song, Qt.Key.Key_Z, CTRL)
    press(song, Qt.Key.Key_Z, CTRL)
    assert len(song.document.session.tracks) == 3


def test_audio_that_is_gone_from_the_cache_is_converted_again_on_undo(
    qtbot: QtBot, song: MainWindow, store: MediaStore, cache_dir: Path
) -> None:
    low = song.document.session.media[0].digest
    convert(qtbot, song, "48")
    shutil.rmtree(cache_dir / "media-v1" / low[:2] / low)
    song.rendering.update_plan()
    store._open.clear()
    press(song, Qt.Key.Key_Z, CTRL)
    wait_imported(qtbot, song)
    assert store.fits(song.document.session.media[0])


def test_audio_known_only_as_latents_cannot_change(
    qtbot: QtBot, song: MainWindow, store: MediaStore, tmp_path: Path
) -> None:
    from lincae_studio.engine.rendering.renderer import StoreReader

    session, plan = song.document.session, song.rendering.update_plan()
    write_bundle(session, plan.codec, new_renderer(StoreReader(store)).render_many, tmp_path / "song.lincaez")
    song.open_project(tmp_path / "song.lincaez", untitled=False)
    qtbot.waitUntil(lambda: song.document.session.media[0].original is not None, timeout=LIMIT_MS)
    convert(qtbot, song, "48")
    assert song.document.session.rate == 44_100
    assert "exists only as latents at 44.1 kHz" in song.messages.text.text()


def test_clips_copied_at_another_rate_are_not_pasted(qtbot: QtBot, song: MainWindow) -> None:
    press(song, Qt.Key.Key_A, CTRL)
    press(song, Qt.Key.Key_C, CTRL)
    convert(qtbot, song, "48")
    before = song.document.session
    press(song, Qt.Key.Key_V, CTRL)
    assert song.document.session is before
    assert "was converted to 44,100 Hz" in song.messages.text.text()


def test_a_drag_ends_before_positions_change(qtbot: QtBot, song: MainWindow) -> None:
    """The conversion, during which editing continues, may end while a clip is held."""
    lanes, clip, y = song.timeline.lanes, next(iter(song.document.session.clips())), ROW_PX / 2
    song.preferences.set(snap=False)
    song.sample_rate.change(48_000)
    drag(lanes, (100, y), (150, y), release=False)
    qtbot.waitUntil(lambda: not song.sample_rate._jobs.busy, timeout=LIMIT_MS)
    assert song.document.session.rate == 44_100
    assert song.sample_rate.busy
    move(lanes, 200, y)
    release(lanes, 200, y)
    moved = song.document.session.clip(clip.id).start
    assert moved == 100 * PX
    qtbot.waitUntil(lambda: song.document.session.rate == 48_000, timeout=LIMIT_MS)
    assert song.document.session.clip(clip.id).start == 48_000


def test_another_session_opened_during_a_drag_keeps_its_rate(qtbot: QtBot, song: MainWindow) -> None:
    lanes, y = song.timeline.lanes, ROW_PX / 2
    song.sample_rate.change(48_000)
    drag(lanes, (100, y), (150, y), release=False)
    qtbot.waitUntil(lambda: not song.sample_rate._jobs.busy, timeout=LIMIT_MS)
    song.document.replace(Session(), None)
    assert not song.sample_rate.busy
    release(lanes, 150, y)
    assert song.document.session == Session()


@pytest.mark.engine
def test_views_show_nothing_of_the_other_rate(qtbot: QtBot, song: MainWindow) -> None:
    """Chunks with the same number are elsewhere in time, so their old pictures must not stand for the new ones."""
    wait_rendered(qtbot, song)
    panel = song.views.get("heatmap")
    assert isinstance(panel, HeatmapPanel)
    picture = panel.plot
    qtbot.waitUntil(lambda: len(picture._items) > 0, timeout=LIMIT_MS)
    dropped: list[int] = []
    song.rendering.session_replaced.connect(lambda: dropped.append(len(picture._items)))
    convert(qtbot, song, "48")
    qtbot.waitUntil(lambda: dropped == [0], timeout=LIMIT_MS)
