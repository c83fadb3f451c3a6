"""The window renders on another machine, by a real ssh server: chosen, tested, cut, and left again while it is open."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from lincae_studio.engine.process.channel import LinkFigures
from lincae_studio.engine.process.events import EngineDown, EngineUnusable, EngineUp, LinkMeasured
from lincae_studio.engine.process.machine import Machine
from lincae_studio.session import edits
from lincae_studio.ui.dialogs.preferences import PreferencesDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.rendering.engine_status import EngineStatus, unusable
from tests.engine.process.sshd import HOST, Proxy, Server, serving
from tests.helpers import new_renderer, render_plan
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import press

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "far") as server:
        yield server


@pytest.fixture
def server(shared_server: Server, tmp_path: Path) -> Server:
    (tmp_path / "far home").mkdir()
    return dataclasses.replace(shared_server, home=tmp_path / "far home")


def open_preferences(qtbot: QtBot, window: MainWindow) -> PreferencesDialog:
    press(window, Qt.Key.Key_Comma, CTRL)
    [dialog] = window.findChildren(PreferencesDialog)
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    dialog.pages.setCurrentWidget(dialog.settings["Engine"])
    return dialog


def type_into(dialog: PreferencesDialog, name: str, text: str) -> None:
    field = dialog.field(name)
    assert isinstance(field, QLineEdit)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text) if text else QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClick(field, Qt.Key.Key_Return)


def choose(dialog: PreferencesDialog, machine: Machine) -> None:
    """Type a machine into the preferences; its name last, by which the engine moves."""
    type_into(dialog, "engine_program", machine.program)
    type_into(dialog, "ssh_command", machine.ssh)
    type_into(dialog, "engine_host", machine.host)


def assert_latent(window: MainWindow) -> None:
    """What is heard is the latent mix, as this computer renders it, bit for bit."""
    rendering = window.rendering
    plan = rendering.update_plan()
    heard = rendering.reader().read(0, plan.length)
    assert np.array_equal(heard, render_plan(plan, new_renderer(rendering.audio)))


@pytest.mark.engine
@pytest.mark.slow
def test_the_window_renders_elsewhere_and_here_again(qtbot: QtBot, song: MainWindow, server: Server) -> None:
    rendering, label, track = song.rendering, song.status.engine, song.document.session.tracks[0].id

    def turn(gain: float) -> None:
        song.document.apply("Gain", lambda s: edits.set_track_gain(s, track, gain))

    def wait_for(text: str) -> None:
        qtbot.waitUntil(lambda: text in label.text(), timeout=LIMIT_MS)

    wait_rendered(qtbot, song)
    with Proxy(server.port) as proxy:
        dialog = open_preferences(qtbot, song)
        choose(dialog, server.machine(proxy.port))
        assert label.text().startswith(f"{HOST} · ")
        wait_for(" ms")
        assert f"rendered on {HOST}" in label.toolTip()
        dialog.close()
        turn(0.5)
        wait_rendered(qtbot, song)
        assert_latent(song)
        assert (server.cache_dir / "sent").exists()
        # The link is lost in the middle of work: the dry mix at once, and no edit is lost.
        proxy.stall()
        turn(0.25)
        rendering.update_plan()
        length = rendering.plan.length
        np.testing.assert_allclose(rendering.reader().read(0, length), rendering.dry.read(0, length), atol=1e-6)
        proxy.cut()
        wait_for("disconnected")
        turn(0.75)
        proxy.flow()
        wait_rendered(qtbot, song)
        assert_latent(song)
        song.document.undo()
        wait_rendered(qtbot, song)
        assert_latent(song)
        assert not song.messages.isVisible(), "it is no failure"
        dialog = open_preferences(qtbot, song)
        type_into(dialog, "engine_host", "")
        dialog.close()
        wait_for("engine ready")
    turn(0.6)
    wait_rendered(qtbot, song)
    assert_latent(song)


@pytest.mark.engine
def test_a_machine_without_the_program_is_reported_with_the_command(
    qtbot: QtBot, window: MainWindow, server: Server
) -> None:
    dialog = open_preferences(qtbot, window)
    choose(dialog, msgspec.structs.replace(server.machine(), program="nowhere"))
    dialog.close()
    qtbot.waitUntil(lambda: f"ssh {HOST} pip install lincae-studio==" in window.messages.text.text(), timeout=LIMIT_MS)
    assert window.status.engine.text() == f"{HOST} · disconnected"
    assert "not found" in window.status.engine.toolTip()
    dialog = open_preferences(qtbot, window)
    type_into(dialog, "engine_program", server.program)
    dialog.close()
    qtbot.waitUntil(lambda: not window.messages.isVisible(), timeout=LIMIT_MS)


def test_the_connection_is_tested_with_the_result_in_words(qtbot: QtBot, window: MainWindow, server: Server) -> None:
    dialog = open_preferences(qtbot, window)
    test = dialog.connection
    assert not test.button.isEnabled(), "there is no machine to test"
    window.preferences.set(device="cpu", precision="fp32")
    choose(dialog, server.machine())
    QTest.mouseClick(test.button, Qt.MouseButton.LeftButton)
    assert test.message.text() == f"Connecting to {HOST}…"
    assert test.button.hasFocus(), "a key does not do what another button does"
    QTest.mouseClick(test.button, Qt.MouseButton.LeftButton)  # nothing, while one is running
    qtbot.waitUntil(lambda: "answers" in test.message.text(), timeout=LIMIT_MS)
    assert test.message.text().startswith(f"{HOST} answers in")
    assert "fp32 on cpu" in test.message.text()
    type_into(dialog, "engine_program", "nowhere")
    assert not test.message.text(), "that was another one"
    QTest.mouseClick(test.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Install" in test.message.text(), timeout=LIMIT_MS)
    assert test.message.text().startswith(f"LinCAE Studio was not found on {HOST}. Install it: ssh {HOST} pip")
    dialog.close()


def test_a_name_that_could_be_an_option_cannot_be_typed(qtbot: QtBot, window: MainWindow) -> None:
    dialog = open_preferences(qtbot, window)
    type_into(dialog, "engine_host", "-oProxyCommand=x")
    assert window.preferences.value.engine_host == "oProxyCommand=x", "without the hyphen it is a name"
    type_into(dialog, "engine_program", "")
    assert window.preferences.value.engine_program == "lincae-studio", "empty is the default"
    dialog.close()


def test_the_status_says_in_words_what_the_link_does() -> None:
    status = EngineStatus()
    assert status.follow(EngineUp(1))
    assert status.text == "engine ready"
    status.move(Machine("gpu-box"))
    assert status.text == "gpu-box · connecting"
    status.follow(EngineUp(2))
    assert status.text == "gpu-box · connected"
    status.follow(LinkMeasured(LinkFigures(0.0231, 4_120_000.0, 9_000.0, 0.79, 2_500_000)))
    assert status.text == "gpu-box · 23 ms · 4.1 MB/s"
    assert status.tip == (
        "The mix is rendered on gpu-box. Round trip 23 ms. Receiving 4.1 MB/s, sending 0.0 MB/s. "
        "Renders are compressed to 79 % without loss. 2.5 MB of audio sent since it was connected."
    )
    assert not status.follow(LinkMeasured(LinkFigures(0.0231, 4_120_000.0, 9_000.0, 0.79, 2_500_000)))
    status.follow(LinkMeasured(LinkFigures(0.0231, 90.0, 50.0)))
    assert status.text == "gpu-box · 23 ms", "what keeps the link alive is no work"
    status.follow(EngineDown(255))
    assert status.text == "gpu-box · disconnected, connecting again"
    event = EngineUnusable("gpu-box refuses the login", "Log in with a key")
    status.follow(event)
    assert (status.text, status.tip) == ("gpu-box · disconnected", "gpu-box refuses the login.")
    assert str(status.problem) == str(unusable(event))
    assert str(unusable(event)) == "the mix cannot be rendered: gpu-box refuses the login. Log in with a key."
    status.move(None)
    assert status.text == "engine starting"
