"""Session > Codec with codecs of packages: chosen, rendered, and reported where they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.linearity import LinearityPanel
from tests.codecs.packaged import install, on_path
from tests.helpers import noise, write_audio
from tests.ui.conftest import LIMIT_MS, wait_imported, wait_rendered
from tests.ui.drive import press


@pytest.fixture(autouse=True)
def packages(tmp_path: Path) -> Iterator[None]:
    """Installed packages: one that works, and some that do not; the engine's process has them, too."""
    site = tmp_path / "site"
    install(site, "good-codec", "good")
    install(site, "late-codec", "late", at_decode="if first_frames[0] > 1000: raise RuntimeError('too far')")
    install(site, "lost-codec", "lost", at_import="raise RuntimeError('lost')")
    install(site, "same-codec", "mdct-2x")
    with on_path(site):
        yield


def open_menu(window: MainWindow) -> list[str]:
    window.codecs.menu.aboutToShow.emit()
    return [action.text() for action in window.codecs.menu.actions()]


def import_noise(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.open_paths([write_audio(tmp_path / "long.wav", noise(5, 6 * 44_100, level=0.1))])
    wait_imported(qtbot, window)


def test_the_menu_lists_what_packages_add_and_what_is_wrong_with_them(window: MainWindow) -> None:
    assert "good" not in window.codecs.actions
    assert "good_codec" not in sys.modules, "the start does not wait for packages"
    entries = open_menu(window)
    assert "Raw (128 channels, hop 128)" in entries
    assert {"good", "late"} < window.codecs.actions.keys()
    assert window.codecs.actions["good"].statusTip() == "Blocks as they are; from the package good-codec 1.0"
    assert "lost" not in window.codecs.actions
    for package, what in (("lost-codec 1.0", "RuntimeError: lost"), ("same-codec 1.0", "belongs to another codec")):
        [action] = [one for one in window.codecs.menu.actions() if one.text() == f"{package} (does not work)"]
        assert not action.isEnabled()
        assert what in " ".join(action.toolTip().split())
    window.codecs.actions["good"].trigger()
    assert window.document.session.codec == "good"
    assert "good" in window.codecs.actions


@pytest.mark.engine
@pytest.mark.slow
def test_a_codec_of_a_package_renders(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    import_noise(qtbot, window, tmp_path)
    open_menu(window)
    window.codecs.actions["good"].trigger()
    wait_rendered(qtbot, window)
    heard = window.rendering.reader().read(0, 6 * 44_100)
    assert window.rendering.plan.codec.id == "good"
    assert np.abs(heard).max() > 0.3
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    panel = window.views.get("linearity")
    assert isinstance(panel, LinearityPanel)
    QTest.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.linearity_meter.busy, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: "true mix" in panel.medians["residual"].text(), timeout=LIMIT_MS)
    plot = panel.plot
    qtbot.waitUntil(lambda: None not in (plot.figures(0)["residual"], plot.figures(0)["sum"]), timeout=LIMIT_MS)
    assert [(plot.figures(0)[name] or 0.0) < -100.0 for name in ("residual", "sum")] == [True, True]


@pytest.mark.engine
@pytest.mark.slow
def test_a_codec_that_fails_in_the_middle_of_a_render_is_named(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    import_noise(qtbot, window, tmp_path)
    open_menu(window)
    window.codecs.actions["late"].trigger()
    chunks = window.rendering.plan.audible
    assert len(chunks) > 2

    def states() -> list[ChunkState]:
        return [window.rendering.state(chunk.index) for chunk in chunks]

    done = {ChunkState.RENDERED, ChunkState.FAILED}
    qtbot.waitUntil(lambda: done.issuperset(states()), timeout=LIMIT_MS)
    assert states()[0] is ChunkState.RENDERED
    assert states()[-1] is ChunkState.FAILED
    qtbot.waitUntil(lambda: window.messages.isVisible(), timeout=LIMIT_MS)
    assert "the package late-codec 1.0 failed when late decoded: RuntimeError: too far" in window.messages.text.text()
    window.codecs.actions["mdct-2x"].trigger()
    wait_rendered(qtbot, window)
