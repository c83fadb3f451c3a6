"""The linearity view: figures that are drawn and reported are those of the engine's definition; measured on demand."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.linearity import LinearityPanel
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_rendered
from tests.ui.drive import click, engine_frozen, press
from tests.ui.look import pixels, rgb

pytestmark = pytest.mark.engine

ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def panel(qtbot: QtBot, song: MainWindow) -> LinearityPanel:
    """The view over the song, rendered, in a codec that loses something."""
    song.codecs.actions["mdct-4x"].trigger()
    press(song, Qt.Key.Key_3, ALT)
    found = song.views.get("linearity")
    assert isinstance(found, LinearityPanel)
    wait_rendered(qtbot, song)
    set_zoom(song, PX)
    song.transport.seek(44_100 * 30)
    return found


def measure(qtbot: QtBot, window: MainWindow, panel: LinearityPanel) -> None:
    QTest.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.linearity_meter.busy, timeout=LIMIT_MS)


def line_y(panel: LinearityPanel, color: str, x: int) -> float | None:
    rows = np.flatnonzero((pixels(panel.plot)[:, x] == rgb(color)).all(axis=1))
    return float(rows.mean()) if len(rows) else None


def test_residuals_are_drawn_without_measuring(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    qtbot.waitUntil(lambda: song.timeline.residuals.of(1) is not None, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: line_y(panel, theme.colors().accent, 300) is not None, timeout=LIMIT_MS)
    for index, x in ((0, 100), (1, 300)):
        value = song.timeline.residuals.of(index)
        assert value is not None
        assert line_y(panel, theme.colors().accent, x) == pytest.approx(
            -value / 120 * (panel.plot.height() - 1), abs=1.6
        )
    assert line_y(panel, theme.colors().marker, 100) is None
    assert "not measured" in panel.medians["sum"].text()
    assert "no noise" in panel.medians["floor"].text()


def test_measured_figures_are_those_of_the_renders(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    first = song.document.session.tracks[0].id
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, first, 0.5))
    wait_rendered(qtbot, song)
    measure(qtbot, song, panel)
    figures = song.linearity_meter.of(0)
    assert figures is not None
    assert figures.sum_db is not None
    assert figures.sum_db < -110.0, "the codec is linear"
    assert figures.floor_db is None
    assert sum(track.share or 0.0 for track in figures.tracks.values()) == pytest.approx(1.0)
    # A track's level, from renders with and without the others.
    grid = song.rendering.update_plan().grid
    frames = slice(grid.lead_frames, grid.lead_frames + grid.step)
    whole = song.rendering.rendered(0)
    assert whole is not None
    for other in song.document.session.tracks[1:]:
        song.document.apply("Mute", partial(edits.set_track_mute, track_id=other.id, mute=True))
    wait_rendered(qtbot, song)
    alone = song.rendering.rendered(0)
    assert alone is not None
    norms = [np.linalg.norm(np.broadcast_to(one.latents, (2, 64, grid.frames))[:, :, frames]) for one in (alone, whole)]
    assert figures.tracks[first].level_db == pytest.approx(20 * np.log10(norms[0] / norms[1]), abs=0.01)
    loss = song.timeline.residuals
    qtbot.waitUntil(lambda: loss.of(0) is not None, timeout=LIMIT_MS)
    assert figures.tracks[first].loss_db == pytest.approx(loss.of(0), abs=0.05), "its residual when it is alone"


def test_the_comparison_with_the_true_mix_comes_first(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    measure(qtbot, song, panel)
    labels = [panel.medians[name] for name in ("residual", "sum", "floor")]
    tops = [label.mapTo(panel, QPoint(0, 0)).y() for label in labels]
    assert tops == sorted(tops)
    assert [label.toolTip().partition(":")[0] for label in labels] == [
        "Against the true mix",
        "Decodes against decodes",
        "Decodes against decodes",
    ]
    qtbot.waitUntil(lambda: song.timeline.residuals.of(0) is not None, timeout=LIMIT_MS)
    QTest.mouseMove(panel.plot, QPoint(60, 30))
    hovered = next(label.text() for label in panel.findChildren(QLabel) if "chunk 0" in label.text())
    assert [line.partition(":")[0] for line in hovered.splitlines()[1:]] == ["latent − dry", "D(Σ) − Σ D"]


def test_shares_are_stacked_in_the_colours_of_the_tracks(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    measure(qtbot, song, panel)
    panel.shown_box.setCurrentIndex(1)
    figures = song.linearity_meter.of(0)
    assert figures is not None
    column = pixels(panel.plot)[:, 100]
    for track in song.document.session.tracks:
        high = int((column == rgb(track.color)).all(axis=1).sum())
        share = figures.tracks[track.id].share or 0.0
        assert high == pytest.approx(abs(share) / 2.0 * panel.plot.height(), abs=2), track.name
    QTest.mouseMove(panel.plot, QPoint(100, 20))
    loudest = max(song.document.session.tracks, key=lambda t: abs(figures.tracks[t.id].share or 0.0))
    said = next(label.text() for label in panel.findChildren(QLabel) if "chunk 0" in label.text())
    share = 100 * (figures.tracks[loudest.id].share or 0.0)
    assert said.splitlines()[1].startswith(f"{loudest.name} {share:.0f} %")


def test_measuring_can_be_stopped_and_resumed(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    with engine_frozen():
        QTest.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
        assert song.linearity_meter.busy
        assert panel.measure_button.text().startswith("Stop (0/3)")
        QTest.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not song.linearity_meter.busy, timeout=LIMIT_MS)
    assert song.linearity_meter.of(0) is None
    measure(qtbot, song, panel)
    assert all(song.linearity_meter.of(chunk.index) is not None for chunk in song.rendering.update_plan().audible)
    measure(qtbot, song, panel)
    assert song.linearity_meter.progress.total == 0, "all is known"


def test_with_a_loop_only_its_chunks_are_measured(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    song.place_commands.set_loop(100, 50_000)
    assert panel.measure_button.text() == "Measure Loop"
    measure(qtbot, song, panel)
    assert song.linearity_meter.of(0) is not None
    assert song.linearity_meter.of(1) is None


def test_an_edit_hides_figures_where_it_changes_and_undo_brings_them_back(
    qtbot: QtBot, song: MainWindow, panel: LinearityPanel
) -> None:
    measure(qtbot, song, panel)
    short = song.document.session.tracks[2].clips[0]
    song.document.apply("Trim", lambda s: edits.trim_clip(s, short.id, 0, 20_000))
    assert [song.linearity_meter.of(index) is None for index in range(3)] == [True, True, False]
    song.document.undo()
    assert all(song.linearity_meter.of(index) is not None for index in range(3))


def test_figures_are_updated_when_a_clip_moves_to_another_track(
    qtbot: QtBot, song: MainWindow, panel: LinearityPanel
) -> None:
    measure(qtbot, song, panel)
    keys = [chunk.key for chunk in song.rendering.update_plan().audible]
    clip, home = song.document.session.tracks[0].clips[0].id, song.document.session.tracks[0].id
    song.document.apply("Move", lambda s: edits.move_clips(s, [clip], 0, 1))
    assert [chunk.key for chunk in song.rendering.update_plan().audible] == keys, "the mix is the same"
    assert song.linearity_meter.of(0) is None
    measure(qtbot, song, panel)
    figures = song.linearity_meter.of(0)
    assert figures is not None
    assert home not in figures.tracks
    assert sum(track.share or 0.0 for track in figures.tracks.values()) == pytest.approx(1.0)
    song.document.undo()
    figures = song.linearity_meter.of(0)
    assert figures is not None
    assert home in figures.tracks


def test_showing_figures_identifies_each_chunk_once_and_only_if_it_is_measured(
    qtbot: QtBot, song: MainWindow, panel: LinearityPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fingerprints go through all tracks: in an hour of 64 tracks, one for each chunk and update froze the window."""
    compute, asked = Chunk.fingerprint.__get__, []

    def fingerprint(chunk: Chunk) -> object:
        asked.append(chunk.index)
        return compute(chunk)

    monkeypatch.setattr(Chunk, "fingerprint", property(fingerprint))
    panel._show_medians()
    assert asked == []
    measure(qtbot, song, panel)
    panel._show_medians()
    asked.clear()
    panel._show_medians()
    assert "not measured" not in panel.medians["sum"].text()
    assert asked == []


def test_measuring_continues_when_the_view_is_closed(qtbot: QtBot, song: MainWindow, panel: LinearityPanel) -> None:
    with engine_frozen():
        QTest.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
        press(song, Qt.Key.Key_3, ALT)
        assert song.views.get("linearity") is None
    qtbot.waitUntil(lambda: not song.linearity_meter.busy, timeout=LIMIT_MS)
    assert song.linearity_meter.of(0) is not None


def test_the_report_contains_the_measured_figures(
    qtbot: QtBot, song: MainWindow, panel: LinearityPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(qtbot, song, panel)
    path = tmp_path / "report.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    QTest.mouseClick(panel.report_button, Qt.MouseButton.LeftButton)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == 3
    figures = song.linearity_meter.of(1)
    assert figures is not None
    assert float(rows[1]["sum_of_decodes_db"]) == pytest.approx(figures.sum_db, abs=1e-3)
    assert rows[1]["noise_floor_db"] == ""
    for number, track in enumerate(song.document.session.tracks, 1):
        share = rows[1][f"share of {number} {track.name}"]
        mine = figures.tracks.get(track.id)
        assert share == "" if mine is None else float(share) == pytest.approx(mine.share, abs=1e-3)
    path = tmp_path / "report.png"
    QTest.mouseClick(panel.report_button, Qt.MouseButton.LeftButton)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_click_seeks(song: MainWindow, panel: LinearityPanel) -> None:
    click(panel.plot, 100, 30)
    assert song.player.position == pytest.approx(100 * PX, abs=PX)
