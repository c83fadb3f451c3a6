"""Confidence: the spread of decodes from other seeds, on the lane of the mix and in the margin of the heatmap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from lincae_studio.codecs.lincae import pretrained
from lincae_studio.engine.analysis.residual import own_samples
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.averaging import other_seeds
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.engine.rendering.stitch import window_slice
from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.rendering.spread import DECODES, spread_of
from lincae_studio.ui.views.heatmap import HeatmapPanel
from tests.codecs.lincae.models import tiny_model
from tests.engine.analysis.test_linearity import GRID, bent, song as latent_song
from tests.helpers import MemoryAudio
from tests.ui.asked import Asked
from tests.ui.conftest import wait_rendered
from tests.ui.drive import press

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier

#: The engine loads torch before its first chunk.
ENGINE_LIMIT_MS = 120_000


def test_the_spread_is_the_standard_deviation_of_the_decodes() -> None:
    codec, session = bent(noise=0.05, bend=0.0), latent_song()
    renderer = Renderer(lambda *_: codec, MemoryAudio.of(*session.media), LatentCache())
    plan = make_plan(session, codec.info, GRID)
    for chunk in (plan.audible[0], plan.audible[-1]):
        audio = [renderer.render(one).audio for one in (chunk, *other_seeds(chunk, 8))]
        found = spread_of(plan, chunk, audio)
        own = np.stack([window_slice(plan, one, chunk.index, *own_samples(plan, chunk.index)) for one in audio])
        deviation = own.std(axis=0, ddof=1)
        assert found.pairs[:-1, 1] == pytest.approx(0.05, rel=0.2)
        np.testing.assert_array_equal(found.pairs[:, 0], -found.pairs[:, 1])
        expected = 20.0 * np.log10(np.sqrt((deviation**2).mean()) / np.sqrt((own.mean(axis=0) ** 2).mean()))
        assert found.level_db == pytest.approx(expected, abs=0.01)


def test_a_codec_without_noise_has_none(song: MainWindow) -> None:
    press(song, Qt.Key.Key_H, CTRL | SHIFT)
    assert "MDCT 2x does not decode from noise" in song.messages.text.text()
    assert not song.timeline.spread.on
    assert not song.actions_by_id["confidence"].isChecked()


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.qt_log_ignore("This plugin does not support raise", extend=True)  # as any tooltip offscreen
def test_the_cost_is_said_before_and_the_spread_is_drawn(
    qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    pretrained.save_own(tiny_model(), tmp_path / "tiny", title="Tiny", linear=True)
    song.document.apply("Codec", lambda session: edits.set_codec(session, str(tmp_path / "tiny")))
    qtbot.waitUntil(lambda: song.rendering.progress()[0] > 0, timeout=ENGINE_LIMIT_MS)
    wait_rendered(qtbot, song)
    plan, spread, lane = song.rendering.plan, song.timeline.spread, song.timeline.master
    panel = song.views.get("heatmap")
    assert isinstance(panel, HeatmapPanel)
    qtbot.waitUntil(lambda: not lane.dry.peaks.outdated(plan), timeout=ENGINE_LIMIT_MS)
    before = lane.grab().toImage()
    asked.yes = False
    press(song, Qt.Key.Key_H, CTRL | SHIFT)
    count = len(plan.audible)
    assert f"{(DECODES - 1) * count} further renders of the {count} chunks in view" in asked.questions[-1]
    assert not song.actions_by_id["confidence"].isChecked()
    assert not panel.spread.isVisible()
    asked.yes = True
    press(song, Qt.Key.Key_H, CTRL | SHIFT)
    assert song.actions_by_id["confidence"].isChecked()
    assert panel.spread.isVisible()
    qtbot.waitUntil(lambda: not spread.missing() and not spread.peaks.outdated(plan), timeout=ENGINE_LIMIT_MS)
    levels = [spread.of(chunk.index) for chunk in plan.audible]
    assert all(level is not None and -80.0 < level < 20.0 for level in levels)
    place = QPoint(5, 5)
    QApplication.sendEvent(panel.spread, QHelpEvent(QEvent.Type.ToolTip, place, panel.spread.mapToGlobal(place)))
    level = f"{levels[0]:.1f} dB".replace("-", "−")
    assert QToolTip.text() == f"Chunk 0: spread of {DECODES} decodes {level} relative to their mean"
    drawn, margin = lane.grab().toImage(), panel.spread.grab().toImage()
    assert drawn != before
    press(song, Qt.Key.Key_H, CTRL | SHIFT)
    assert lane.grab().toImage() == before
    assert not panel.spread.isVisible()
    song.rendering.probe_rendered.disconnect(spread._on_probe)
    press(song, Qt.Key.Key_H, CTRL | SHIFT)
    assert not spread.missing(), "known: nothing is asked, nothing decoded"
    assert lane.grab().toImage() == drawn
    assert panel.spread.grab().toImage() == margin
