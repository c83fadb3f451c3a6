"""Work that waits for spare time: what is heard first, what is shown once nothing is moved. Nothing is timed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from pytestqt.qtbot import QtBot

from lincae_studio.ui.rendering import idle_gate, spare_time
from lincae_studio.ui.rendering.idle_gate import IdleGate
from lincae_studio.ui.rendering.spare_time import SpareTime
from tests.ui.conftest import LIMIT_MS

ENDLESS_S = 1e6


class Worker(QObject):
    """Has a number of steps to do, and notes them."""

    def __init__(self, name: str, steps: int, log: list[str]) -> None:
        super().__init__()
        self._name, self.left, self._log = name, steps, log

    def step(self) -> bool:
        self.left -= 1
        self._log.append(self._name)
        return self.left > 0


@pytest.fixture
def gate() -> IdleGate:
    return IdleGate()


@pytest.fixture
def spare(qapp: QCoreApplication, gate: IdleGate, monkeypatch: pytest.MonkeyPatch) -> SpareTime:
    """A slice is one step."""
    monkeypatch.setattr(spare_time, "_SLICE_S", 0.0)
    return SpareTime(qapp, gate)


@pytest.fixture
def moving(gate: IdleGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user moves something, and does not stop."""
    monkeypatch.setattr(idle_gate, "_QUIET_S", ENDLESS_S)
    monkeypatch.setattr(spare_time, "_PATIENCE_S", ENDLESS_S)
    gate.note_interaction()


def test_owners_take_turns_and_are_not_added_twice(qtbot: QtBot, spare: SpareTime) -> None:
    log: list[str] = []
    one, two = Worker("one", 3, log), Worker("two", 2, log)
    for worker in (one, two, one, two):
        spare.add(worker.step)
    assert log == [], "nothing is done at once"
    qtbot.waitUntil(lambda: one.left == two.left == 0, timeout=LIMIT_MS)
    assert log == ["one", "two", "one", "two", "one"]


def test_what_is_heard_comes_first(qtbot: QtBot, spare: SpareTime) -> None:
    log: list[str] = []
    shown, heard = Worker("shown", 2, log), Worker("heard", 2, log)
    spare.add(shown.step)
    spare.add(heard.step, patient=False)
    qtbot.waitUntil(lambda: shown.left == 0, timeout=LIMIT_MS)
    assert log == ["heard", "heard", "shown", "shown"]


@pytest.mark.usefixtures("moving")
def test_what_is_shown_waits_while_something_is_moved(
    qtbot: QtBot, spare: SpareTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    shown, heard = Worker("shown", 2, log), Worker("heard", 3, log)
    spare.add(shown.step)
    spare.add(heard.step, patient=False)
    qtbot.waitUntil(lambda: heard.left == 0, timeout=LIMIT_MS)
    assert log == ["heard", "heard", "heard"]
    monkeypatch.setattr(idle_gate, "_QUIET_S", 0.0)
    spare.add(heard.step, patient=False)  # the timer that waits for patience to end would take a million seconds
    qtbot.waitUntil(lambda: shown.left == 0, timeout=LIMIT_MS)


@pytest.mark.usefixtures("moving")
def test_what_is_shown_does_not_wait_for_ever(qtbot: QtBot, spare: SpareTime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_time, "_PATIENCE_S", 0.05)
    shown = Worker("shown", 4, [])
    spare.add(shown.step)
    qtbot.waitUntil(lambda: shown.left == 0, timeout=LIMIT_MS)


def test_a_step_may_ask_for_another_one(qtbot: QtBot, spare: SpareTime) -> None:
    class Asking(Worker):
        def step(self) -> bool:
            if super().step():
                spare.add(self.step)
            return False

    asking = Asking("asking", 3, [])
    spare.add(asking.step)
    qtbot.waitUntil(lambda: asking.left == 0, timeout=LIMIT_MS)


def test_a_deleted_owner_is_left_out(qtbot: QtBot, spare: SpareTime) -> None:
    log: list[str] = []
    gone, other = Worker("gone", 2, log), Worker("other", 1, log)
    spare.add(gone.step)
    spare.add(other.step)
    gone.deleteLater()
    QCoreApplication.sendPostedEvents(gone, QEvent.Type.DeferredDelete)
    qtbot.waitUntil(lambda: other.left == 0, timeout=LIMIT_MS)
    assert log == ["other"]


def test_a_failure_is_reported_and_stops_nobody_else(qtbot: QtBot, spare: SpareTime) -> None:
    class Failing(Worker):
        def step(self) -> bool:
            raise RuntimeError("broken")

    other = Worker("other", 2, [])
    spare.add(Failing("failing", 1, []).step)
    spare.add(other.step)
    with qtbot.captureExceptions() as caught:
        qtbot.waitUntil(lambda: other.left == 0, timeout=LIMIT_MS)
    assert [str(error) for _, error, _ in caught] == ["broken"]
