"""The linearity strip and its report: figures equal an independent computation, and only what changed is computed."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from lincae_studio.engine.analysis.residual import residual_db
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.rendering import residuals as residuals_module
from tests.ui.conftest import LIMIT_MS, PX, wait_rendered
from tests.ui.drive import engine_frozen, press

pytestmark = pytest.mark.engine

SHOW = (Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)


def expected(window: MainWindow) -> list[float]:
    """From what the monitor plays, chunk by chunk."""
    plan = window.rendering.update_plan()
    latent, dry = (window.rendering.reader(which).read(0, plan.length) for which in ("latent", "dry"))
    step, found = plan.grid.step_samples, []
    for chunk in plan.audible:
        part = slice(chunk.index * step, min((chunk.index + 1) * step, plan.length))
        norms = [np.linalg.norm(mix[:, part].astype(np.float64)) for mix in (latent - dry, dry)]
        found.append(20 * np.log10(norms[0] / norms[1]))
    return found


def known(qtbot: QtBot, window: MainWindow) -> list[float]:
    """The strip's figures, once all are available."""
    wait_rendered(qtbot, window)
    residuals, chunks = window.timeline.residuals, window.rendering.plan.audible
    qtbot.waitUntil(lambda: all(residuals.of(chunk.index) is not None for chunk in chunks), timeout=LIMIT_MS)
    return [residuals.of(chunk.index) or 0.0 for chunk in chunks]


def test_figures_are_those_of_the_two_mixes(qtbot: QtBot, song: MainWindow) -> None:
    song.codecs.actions["mdct-4x"].trigger()
    assert not song.timeline.linearity.isVisible()
    press(song, *SHOW)
    assert song.timeline.linearity.isVisible()
    # Overlaps are crossfaded in playback, but belong to one chunk here.
    np.testing.assert_allclose(known(qtbot, song), expected(song), atol=0.5)
    assert song.preferences.value.linearity_strip


def test_a_codec_without_loss_has_next_to_no_residual(qtbot: QtBot, song: MainWindow) -> None:
    song.codecs.actions["mdct-1x"].trigger()
    press(song, *SHOW)
    assert max(known(qtbot, song)) < -90.0


def test_the_bars_are_as_high_as_the_figures(qtbot: QtBot, song: MainWindow) -> None:
    press(song, *SHOW)
    values = known(qtbot, song)
    strip, step = song.timeline.linearity, song.rendering.update_plan().grid.step_samples
    ground = QColor(theme.colors().window)

    def height(index: int) -> int:
        image, x = strip.grab().toImage(), round((index + 0.3) * step / PX)
        return sum(image.pixelColor(x, y) != ground for y in range(image.height() - 1))

    def is_high(index: int, px: float) -> bool:
        return abs(height(index) - px) <= 1.0

    for index, value in enumerate(values[:2]):  # the third chunk is a pixel wide
        high = 20 * min(max(1 + value / 80, 0.05), 1.0)
        qtbot.waitUntil(partial(is_high, index, high), timeout=LIMIT_MS)


def test_an_edit_is_computed_only_where_it_changes_the_mix(
    qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(song, *SHOW)
    before = known(qtbot, song)
    worked: list[int] = []
    real = residual_db

    def count(plan: object, dry: object, rendered: object, index: int) -> float | None:
        worked.append(index)
        return real(plan, dry, rendered, index)  # type: ignore[arg-type]

    monkeypatch.setattr(residuals_module, "residual_db", count)
    keys = {chunk.index: chunk.key for chunk in song.rendering.update_plan().audible}
    short = song.document.session.tracks[2].clips[0]
    song.document.apply("Trim", lambda s: edits.trim_clip(s, short.id, 0, 20_000))
    after = known(qtbot, song)
    changed = [chunk.index for chunk in song.rendering.update_plan().audible if keys[chunk.index] != chunk.key]
    assert 0 < len(changed) < len(keys)
    assert sorted(worked) == changed
    assert [n for n, (one, other) in enumerate(zip(before, after, strict=True)) if one != other] == changed
    press(song, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert known(qtbot, song) == before
    assert len(worked) == len(changed), "known results are cached"


def test_nothing_is_computed_without_observers(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    assert song.timeline.residuals.of(0) is None
    assert not song.timeline.residuals._work.waiting


def export(window: MainWindow, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    window.actions_by_id["export_linearity"].trigger()


def test_the_report_lists_every_chunk(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_rendered(qtbot, song)
    export(song, monkeypatch, tmp_path / "report.csv")
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text().splitlines()))
    assert [int(row["chunk"]) for row in rows] == [chunk.index for chunk in song.rendering.update_plan().audible]
    np.testing.assert_allclose([float(row["residual_db"]) for row in rows], expected(song), atol=0.5)
    assert float(rows[-1]["end_s"]) == pytest.approx(song.document.session.length / 44_100)
    assert int(rows[0]["media"]) == 3


def test_chunks_that_wait_have_no_figure(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_rendered(qtbot, song)
    with engine_frozen():
        song.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, 0.5))
        export(song, monkeypatch, tmp_path / "report.csv")
        assert "not rendered yet" in song.messages.text.text()
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text().splitlines()))
    assert {row["residual_db"] for row in rows} == {""}


def test_a_report_that_cannot_be_written_is_reported(
    song: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(song, monkeypatch, tmp_path / "no folder" / "report.csv")
    assert "annot write" in song.messages.text.text()
