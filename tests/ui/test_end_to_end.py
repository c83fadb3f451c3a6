"""The whole way, as a user goes it: start, drop, mix, undo, play, export; and the sound is the right one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from lincae_studio.codecs import registry
from lincae_studio.session import edits
from lincae_studio.ui.dialogs.export import ExportDialog
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import read_audio
from tests.ui.conftest import LIMIT_MS, in_stereo, wait_rendered
from tests.ui.drive import drag, drop_files, press
from tests.ui.look import heatmap

pytestmark = pytest.mark.engine


def export(qtbot: QtBot, window: MainWindow, path: Path) -> np.ndarray:
    """Export through the dialog, with its default format; returns the file's samples `(channels, N)`."""
    window.actions_by_id["export_mix"].trigger()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    dialog.path_field.setText(str(path))
    with qtbot.waitSignal(window.exporter.finished, timeout=LIMIT_MS):
        accept = QDialogButtonBox.ButtonRole.AcceptRole
        next(b for b in dialog.buttons.buttons() if dialog.buttons.buttonRole(b) == accept).click()
    return read_audio(path)


def expected_mix(stems: list[Path], gains: dict[str, float]) -> np.ndarray:
    """The weighted sum of the files `(2, N)`, with no code of ours."""
    audio = {path.name: sf.read(path, dtype="float64", always_2d=True)[0] for path in stems}
    mix = np.zeros((2, max(len(samples) for samples in audio.values())))
    for name, samples in audio.items():
        mix[:, : len(samples)] += gains.get(name, 1.0) * in_stereo(samples)
    return mix


def test_from_dropped_stems_to_an_exported_mix(
    qtbot: QtBot, window: MainWindow, stems: list[Path], tmp_path: Path
) -> None:
    window.codecs.actions["mdct-1x"].trigger()
    lanes = window.timeline.lanes
    assert window.timeline.empty_hint.isVisible()
    assert drop_files(lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    session = window.document.session
    assert [track.name for track in session.tracks] == ["bass 2", "drums 1", "keys 3", "lead 10"]
    assert {clip.start for clip in session.clips()} == {0}, "stems line up at the start"
    assert not window.timeline.empty_hint.isVisible()

    headers = [window.timeline.headers.header(track.id) for track in session.tracks]
    fader = headers[0].gain
    handle_x = fader.width() * 0.782
    drag(fader, (handle_x, fader.height() / 2), (handle_x - 20, fader.height() / 2))
    bass_gain = window.document.session.tracks[0].gain
    assert 0.1 < bass_gain < 0.9
    headers[3].gain_text.setFocus()
    headers[3].gain_text.selectAll()
    QTest.keyClicks(headers[3].gain_text, "-6")
    QTest.keyClick(headers[3].gain_text, Qt.Key.Key_Return)
    lead_gain = window.document.session.tracks[3].gain
    assert lead_gain == pytest.approx(10 ** (-6 / 20))
    QTest.mouseClick(headers[1].mute, Qt.MouseButton.LeftButton)
    QTest.mouseClick(headers[2].mute, Qt.MouseButton.LeftButton)
    assert [track.mute for track in window.document.session.tracks] == [False, True, True, False]
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [track.mute for track in window.document.session.tracks] == [False, True, False, False]
    wait_rendered(qtbot, window)

    press(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.player.position > 20_000, timeout=LIMIT_MS)
    press(window, Qt.Key.Key_Space)
    assert not window.player.playing

    mix = export(qtbot, window, tmp_path / "mix.wav")
    expected = expected_mix(stems, {"bass 2.wav": bass_gain, "drums 1.wav": 0.0, "lead 10.wav": lead_gain})
    # The longest file is muted, but the session still ends where it ends.
    assert mix.shape == expected.shape
    np.testing.assert_allclose(mix, expected, atol=1e-4)
    assert np.abs(mix).max() > 0.2


def test_the_heatmap_shows_the_latents_of_the_mix(qtbot: QtBot, window: MainWindow, stems: list[Path]) -> None:
    drop_files(window.timeline.lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    window.document.apply("mute", lambda s: edits.set_track_mute(s, s.tracks[1].id, True))
    wait_rendered(qtbot, window)
    codec = registry.load("mdct-2x")
    mono = expected_mix(stems, {"drums 1.wav": 0.0}).mean(axis=0)
    hop = codec.info.hop
    plan = window.rendering.update_plan()
    padded = np.zeros((len(plan.chunks) * plan.grid.step + 3) * hop)
    padded[hop : hop + len(mono)] = mono
    latents = codec.encode(padded[None].astype(np.float32))[0]
    plot = heatmap(window)
    for index in range(len(plan.chunks)):
        first = plan.grid.lead_frames + index * plan.grid.step
        shown = plot.shown_values(index)
        assert shown is not None
        np.testing.assert_allclose(shown, latents[:, first : first + plan.grid.step], atol=1e-4)


def test_an_edit_renders_only_what_it_touches(qtbot: QtBot, window: MainWindow, stems: list[Path]) -> None:
    drop_files(window.timeline.lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    before = window.rendering.update_plan()
    short = next(t for t in window.document.session.tracks if t.name == "keys 3")
    touched = window.rendering.update_plan().grid.touching(0, short.clips[0].length)
    QTest.mouseClick(window.timeline.headers.header(short.id).mute, Qt.MouseButton.LeftButton)
    after = window.rendering.update_plan()
    changed = [a.index for a, b in zip(after.chunks, before.chunks, strict=True) if a and b and a.key != b.key]
    assert changed == list(touched)
    assert len(changed) < len(after.chunks)
    wait_rendered(qtbot, window)
    window.actions_by_id["undo"].trigger()
    assert window.rendering.progress() == (len(before.audible),) * 2, "undo decodes nothing"


def test_the_window_survives_the_death_of_its_engine(
    qtbot: QtBot, window: MainWindow, stems: list[Path], tmp_path: Path
) -> None:
    import multiprocessing

    drop_files(window.timeline.lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    engine = multiprocessing.active_children()[0]
    killed = engine.pid
    with qtbot.waitSignal(window.rendering.engine_changed, timeout=LIMIT_MS):
        engine.kill()
        for header in (window.timeline.headers.header(t.id) for t in window.document.session.tracks):
            QTest.mouseClick(header.solo, Qt.MouseButton.LeftButton)
    window.codecs.actions["mdct-1x"].trigger()
    wait_rendered(qtbot, window)
    assert multiprocessing.active_children()[0].pid != killed
    mix = export(qtbot, window, tmp_path / "after.wav")
    np.testing.assert_allclose(mix, expected_mix(stems, {}), atol=1e-4)


def test_a_saved_project_opens_equal_and_sounds_equal(
    qtbot: QtBot, window: MainWindow, stems: list[Path], tmp_path: Path
) -> None:
    drop_files(window.timeline.lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    window.document.apply("pan", lambda s: edits.set_track_pan(s, s.tracks[0].id, -0.5))
    wait_rendered(qtbot, window)
    first = export(qtbot, window, tmp_path / "first.wav")
    path = tmp_path / "song.lincae"
    assert window.save_to(path)
    assert not window.document.modified
    saved = window.document.session
    manifest = json.loads(path.read_text())
    assert {item["path"] for item in manifest["session"]["media"]} == {f"stems/{stem.name}" for stem in stems}
    window.actions_by_id["new"].trigger()
    assert window.document.session.tracks == ()
    window.open_paths([path])
    qtbot.waitUntil(lambda: not window.importer.busy, timeout=LIMIT_MS)
    assert window.document.session == saved
    assert window.windowTitle().startswith("song")
    second = export(qtbot, window, tmp_path / "second.wav")
    np.testing.assert_array_equal(first, second)
