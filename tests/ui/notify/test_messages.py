"""Messages lie over the window and move nothing; they stay while they matter, and can be read again."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.notify import OUTCOME
from lincae_studio.ui.notify.card import MessageCard
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import press

LONG = "Something has happened that takes rather many words to say, and then some more of them. " * 4


def layout_of(window: MainWindow) -> list[QRect]:
    """Where everything in the window is but the messages."""
    parts = window.findChildren(QWidget)
    return [part.geometry() for part in parts if part is not window.messages and not window.messages.isAncestorOf(part)]


def texts(window: MainWindow) -> list[str]:
    return [card.text.text() for card in window.messages.cards]


def end_time(card: MessageCard) -> None:
    """Let the time of a message be over."""
    timer = card.findChild(QTimer)
    assert timer is not None
    timer.timeout.emit()


def shown_text(window: MainWindow, title: str) -> str:
    [dialog] = [d for d in window.findChildren(QDialog) if d.windowTitle() == title and d.isVisible()]
    field = dialog.findChild(QPlainTextEdit)
    assert field is not None
    text = field.toPlainText()
    dialog.close()
    return text


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700), (760, 520)])
def test_messages_move_nothing_and_are_whole(window: MainWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    window.messages.info("the first, after which the status bar counts")
    QTest.qWaitForWindowExposed(window)
    window.messages.resolve("")
    before = layout_of(window)
    window.messages.error(LONG, "details", ("Do Something…", lambda: None))
    window.messages.warning(LONG)
    window.messages.info("fine")
    assert layout_of(window) == before
    area = window.centralWidget()
    assert area is not None
    assert area.rect().contains(window.messages.geometry())
    for card in window.messages.cards:
        assert window.messages.rect().contains(card.geometry())
        assert card.text.height() >= card.text.heightForWidth(card.text.width()), "no line is cut"
        for button in card.findChildren(QPushButton):
            assert button.isHidden() or button.width() >= button.sizeHint().width()
    window.resize(size[0] + 50, size[1] + 30)
    assert area.rect().contains(window.messages.geometry())


def test_what_matters_stays_and_the_rest_goes(window: MainWindow) -> None:
    bar = window.messages
    bar.error("trouble")
    bar.warning("a pity")
    bar.info("done")
    assert [card.lasts for card in bar.cards] == [True, True, False]
    end_time(bar.cards[-1])
    assert texts(window) == ["Trouble", "A pity"]
    bar.info("saved", "with details")
    assert bar.cards[-1].lasts


def test_refusals_go_by_themselves_and_with_the_next_edit(window: MainWindow) -> None:
    press(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert texts(window) == ["There is nothing to paste. Copy clips or audio files first."]
    assert window.messages.cards[-1].message.kind == "error"
    assert not window.messages.cards[-1].lasts
    end_time(window.messages.cards[-1])
    assert texts(window) == []
    press(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    press(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert texts(window) == []


def test_what_an_export_came_to_is_over_in_another_session(window: MainWindow) -> None:
    window.messages.warning("the mix is too quiet", topic=OUTCOME)
    window.messages.error("the sound card is gone")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert texts(window) == ["The sound card is gone"]


def test_a_message_that_is_being_read_does_not_go(window: MainWindow) -> None:
    bar = window.messages
    bar.info("done")
    press(window, Qt.Key.Key_F8)
    assert bar.cards[-1].hasFocus()
    end_time(bar.cards[-1])
    assert texts(window) == ["Done"]
    window.timeline.lanes.setFocus()
    end_time(bar.cards[-1])
    assert texts(window) == []


def test_longer_messages_are_shown_for_longer(window: MainWindow) -> None:
    window.messages.info("short")
    short = window.messages.cards[-1].message.lasting_ms
    window.messages.info(LONG)
    assert window.messages.cards[-1].message.lasting_ms > 2 * short >= 8000


def test_equal_messages_and_news_replace_each_other(window: MainWindow) -> None:
    bar = window.messages
    for _ in range(3):
        bar.error("trouble")
    assert texts(window) == ["Trouble"]
    bar.info("saved a")
    bar.info("saved b")
    assert texts(window) == ["Trouble", "Saved b"]
    bar.warning("no sound", topic="output")
    bar.warning("still no sound", topic="output")
    assert texts(window) == ["Trouble", "Saved b", "Still no sound"]
    bar.resolve("output")
    assert texts(window) == ["Trouble", "Saved b"]


def test_not_more_than_three_are_shown_and_all_are_listed(window: MainWindow) -> None:
    for number in range(5):
        window.messages.error(f"trouble {number}", "why\nand where" if number == 1 else "")
    assert texts(window) == ["Trouble 2", "Trouble 3", "Trouble 4"]
    press(window, Qt.Key.Key_F8, Qt.KeyboardModifier.ShiftModifier)
    listed = shown_text(window, "Messages")
    assert listed.index("Error: Trouble 4") < listed.index("Error: Trouble 0")
    assert "and where" in listed
    assert window.status.messages.text() == "5 messages"
    QTest.mouseClick(window.status.messages, Qt.MouseButton.LeftButton)
    assert "Trouble 0" in shown_text(window, "Messages")


def test_by_keyboard_alone(qtbot: QtBot, window: MainWindow) -> None:
    done: list[str] = []
    window.timeline.lanes.setFocus()
    window.messages.error("trouble", "why", ("Mend", lambda: done.append("mended")))
    window.messages.warning("a pity")
    assert window.timeline.lanes.hasFocus(), "a message does not take the focus"
    press(window, Qt.Key.Key_F8)
    press(window, Qt.Key.Key_Escape)
    assert texts(window) == ["Trouble"]
    assert window.messages.cards[0].hasFocus()
    press(window, Qt.Key.Key_Tab)
    press(window, Qt.Key.Key_Space)
    assert done == ["mended"]
    assert texts(window) == []
    qtbot.waitUntil(window.timeline.lanes.hasFocus, timeout=LIMIT_MS)
    press(window, Qt.Key.Key_F8)
    assert "Trouble" in shown_text(window, "Messages"), "with none shown, the list"


def test_the_focus_stays_with_the_messages_when_another_takes_the_place_of_one(window: MainWindow) -> None:
    window.timeline.lanes.setFocus()
    window.messages.warning("no sound", topic="output")
    press(window, Qt.Key.Key_F8)
    window.messages.warning("still no sound", topic="output")
    assert window.messages.cards[0].hasFocus()
    press(window, Qt.Key.Key_Escape)
    assert window.timeline.lanes.hasFocus()


def test_the_focus_goes_home_when_what_had_it_is_gone(qtbot: QtBot, window: MainWindow) -> None:
    name = QLineEdit(window.centralWidget())
    name.show()
    name.setFocus()
    window.messages.error("trouble")
    press(window, Qt.Key.Key_F8)
    with qtbot.waitSignal(name.destroyed):
        name.deleteLater()
    press(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(window.timeline.lanes.hasFocus, timeout=LIMIT_MS)


def test_buttons_dismiss_and_show_details(window: MainWindow) -> None:
    window.messages.error("trouble", "why\nand where")
    [card] = window.messages.cards
    [more] = [button for button in card.findChildren(QPushButton) if button.text() == "Details…"]
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    assert shown_text(window, "Details") == "Trouble\n\nwhy\nand where"
    close = card.findChild(QToolButton)
    assert close is not None
    QTest.mouseClick(close, Qt.MouseButton.LeftButton)
    assert not window.messages.isVisible()


def test_screen_readers_are_told_how_serious_it_is(window: MainWindow) -> None:
    window.messages.warning("no sound")
    window.messages.error("trouble")
    assert [card.accessibleName() for card in window.messages.cards] == ["Warning: No sound", "Error: Trouble"]
    signs = {sign.text() for sign in window.messages.findChildren(QLabel, "sign")}
    assert len(signs) == 2, "not by colour alone"


def test_what_is_beside_the_messages_can_be_clicked(window: MainWindow) -> None:
    window.messages.error("trouble")
    place = window.messages.mapTo(window, QPoint(-3, 5))
    hit = window.childAt(place)
    assert hit is not None
    assert not window.messages.isAncestorOf(hit)


def test_a_very_long_message_is_cut_and_whole_in_its_details(window: MainWindow) -> None:
    window.resize(760, 520)
    for number in range(3):
        window.messages.error(f"{number} {LONG * 5} Do this.", "and why")
    assert window.centralWidget().rect().contains(window.messages.geometry())  # type: ignore[union-attr]
    for card in window.messages.cards:
        assert len(card.text.text()) < 620
        assert card.text.text().endswith("Do this."), "what to do is at the end"
        assert card.text.height() >= card.text.heightForWidth(card.text.width())
    window.messages.show_details()
    whole = shown_text(window, "Details")
    assert (LONG * 5).strip() in whole
    assert "and why" in whole
