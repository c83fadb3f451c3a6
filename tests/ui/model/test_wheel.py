"""The wheel changes nothing that it only passes over."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QScrollArea,
    QScrollBar,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.wheel import WheelNeedsFocus
from lincae_studio.ui.timeline.strip import GainFader, PanSlider
from tests.ui.drive import LEFT, click, drag, move, press, release, wheel


def test_lists_and_numbers_in_a_scrolled_area_let_it_scroll(qtbot: QtBot, styled: object) -> None:
    area, body = QScrollArea(), QWidget()
    qtbot.addWidget(area)
    box, number, slider = QComboBox(body), QSpinBox(body), QSlider(Qt.Orientation.Horizontal, body)
    box.addItems(["a", "b", "c"])
    box.setCurrentIndex(1)
    number.setValue(5)
    slider.setValue(50)
    layout = QVBoxLayout(body)
    for control in (box, number, slider, QWidget(body)):
        layout.addWidget(control)
    body.setMinimumHeight(2000)
    WheelNeedsFocus(body)
    area.setWidget(body)
    area.setWidgetResizable(True)
    area.resize(200, 200)
    area.show()
    area.activateWindow()
    qtbot.waitUntil(area.isActiveWindow)
    body.setFocus()
    bar = area.verticalScrollBar()
    for count, control in enumerate((box, number, slider), start=1):
        wheel(control, 5, 5, -1)
        assert bar.value() == count * 3 * bar.singleStep()
    assert (box.currentIndex(), number.value(), slider.value()) == (1, 5, 50)
    number.setFocus()
    wheel(number, 5, 5, -1)
    assert number.value() == 4, "with the focus, it is meant"


@pytest.mark.parametrize("view", ["heatmap", "spectrogram", "linearity", "trajectory", "levels"])
def test_no_control_in_a_view_or_panel_takes_the_wheel_without_the_focus(song: MainWindow, view: str) -> None:
    song.preferences.set(views=(view,))
    song.actions_by_id["inspector"].trigger()
    click(song.timeline.lanes, 100, 40)
    song.timeline.lanes.setFocus()
    controls = [
        control
        for control in song.findChildren(QWidget)
        if isinstance(control, (QComboBox, QAbstractSpinBox, QAbstractSlider))
        and not isinstance(control, (QScrollBar, GainFader, PanSlider))
        and control.isVisible()
    ]
    assert song.inspector.shape_in in controls
    for control in controls:
        before = _value(control)
        for notches in (-1, 1):
            wheel(control, 5, 5, notches)
            assert _value(control) == before, control.accessibleName()


def test_every_slider_follows_a_press_beside_its_handle(song: MainWindow) -> None:
    """Also those that are no faders."""
    song.preferences.set(views=("heatmap", "spectrogram"))
    sliders = [one for one in song.findChildren(QSlider) if one.isVisible()]
    ranges = [one for one in sliders if not isinstance(one, (GainFader, PanSlider))]
    assert len(ranges) == 2
    for slider in sliders:
        values = []
        for x in (slider.width() - 12, 12):
            drag(slider, (x, 5), (x, 5), release=False)
            held = slider.value()
            move(slider, x + (8 if x < 20 else -8), 5)
            values += [held, slider.value()]
            release(slider, x, 5)
        low, high = slider.minimum(), slider.maximum()
        assert low <= values[2] < values[3] < values[1] < values[0] <= high, slider.accessibleName()
    for slider in ranges:
        before = slider.value()
        drag(slider, (60, 5), (90, 5), release=False)
        assert slider.value() != before
        press(song, Qt.Key.Key_Escape)
        assert slider.value() == before
        release(slider, 90, 5)
        QTest.mouseDClick(slider, LEFT)
        assert slider.value() == {"heatmap": 0}.get(slider.accessibleName().split()[-1], -90)


def _value(control: QWidget) -> object:
    if isinstance(control, QComboBox):
        return control.currentIndex()
    assert isinstance(control, (QSpinBox, QDoubleSpinBox, QAbstractSlider))
    return control.value()
