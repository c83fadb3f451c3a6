"""Numbers typed with a point or a comma, under an English and a German locale, into every field of the window."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer, QEventLoop, QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

import lincae_studio.ui
from lincae_studio.codecs.family import Question
from lincae_studio.codecs.lincae.install import SCALE_FACTOR
from lincae_studio.session.levels import db_to_gain
from lincae_studio.ui.dialogs.codec import ImportDialog
from lincae_studio.ui.dialogs.export import ExportDialog
from lincae_studio.ui.dialogs.minus_one import MinusOneDialog
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.dialogs.picture import PictureDialog
from lincae_studio.ui.dialogs.preferences import PreferencesDialog
from lincae_studio.ui.dialogs.render_settings import RenderSettingsDialog
from lincae_studio.ui.dialogs.tempo import TempoDialog
from lincae_studio.ui.main_window import MainWindow
from tests.ui.conftest import LIMIT_MS

UI = Path(lincae_studio.ui.__file__ or "").parent


@pytest.fixture(params=[QLocale.Language.English, QLocale.Language.German], ids=["english", "german"], autouse=True)
def locale(request: pytest.FixtureRequest) -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield
    QLocale.setDefault(before)


@pytest.fixture(params=[".", ","], ids=["point", "comma"])
def separator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wait(done: Callable[[], bool]) -> bool:
    """Wait until something is so; whether it became so in time."""
    deadline = QDeadlineTimer(LIMIT_MS)
    while not done() and not deadline.hasExpired():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
    return done()


def type_into(field: NumberField, text: str) -> float:
    """Type a number over the one in a field; its value before Return is pressed, which must not change it."""
    field.window().activateWindow()
    field.setFocus()
    assert wait(field.hasFocus)
    field.selectAll()
    QTest.keyClicks(field, text)
    if field.keyboardTracking():
        before = field.value()
        QTest.keyClick(field, Qt.Key.Key_Tab)
        assert field.value() == before
    else:
        QTest.keyClick(field, Qt.Key.Key_Tab)
    return field.value()


def shown(window: MainWindow, action: str, kind: type[QWidget]) -> QWidget:
    window.actions_by_id[action].trigger()
    [dialog] = [one for one in window.findChildren(kind) if one.isVisible()]
    return dialog


def test_export(song: MainWindow, separator: str) -> None:
    dialog = shown(song, "export_mix", ExportDialog)
    assert isinstance(dialog, ExportDialog)
    for normalize in ("loudness", "peak"):
        dialog.level_box.setCurrentIndex(dialog.level_box.findData(normalize))
        assert type_into(dialog.target, f"-14{separator}5") == -14.5
        assert type_into(dialog.true_peak, f"-3{separator}5") == -3.5
        assert dialog.settings.level.target_db == -14.5
    assert type_into(dialog.tail, f"2{separator}5") == 2.5
    assert dialog.target.text() == "-14.5 dBFS"
    assert type_into(dialog.tail, f"2{separator}55") in (2.5, 2.6)
    assert type_into(dialog.tail, "120") == 60.0, "not 12"
    dialog.reject()


def test_tempo(song: MainWindow, separator: str) -> None:
    dialog = shown(song, "tempo", TempoDialog)
    assert isinstance(dialog, TempoDialog)
    assert type_into(dialog.bpm, f"95{separator}5") == 95.5
    assert type_into(dialog.start, f"1{separator}25") == 1.25
    assert type_into(dialog.beats, f"2{separator}5") in (2, 3)
    dialog.accept()


def test_render_settings(song: MainWindow, separator: str) -> None:
    dialog = shown(song, "render_settings", RenderSettingsDialog)
    assert isinstance(dialog, RenderSettingsDialog)
    for field in (dialog.seed, dialog.frames, dialog.overlap):
        assert type_into(field, f"12{separator}4") == 12
        assert type_into(field, "0") == 0
        assert type_into(field, "5") == 5
    dialog.reject()


def test_preferences(window: MainWindow, separator: str) -> None:
    dialog = shown(window, "preferences", PreferencesDialog)
    assert isinstance(dialog, PreferencesDialog)
    decimals = set()
    for page in dialog.settings.values():
        dialog.pages.setCurrentWidget(page)
        for field in page.findChildren(NumberField):
            whole = round(field.minimum()) + 1
            assert type_into(field, f"{whole}{separator}4") == whole + (0.4 if field.decimals() else 0.0)
            decimals.add(field.decimals())
    assert decimals == {0, 1}
    dialog.close()


def test_minus_one_and_the_size_of_a_picture(song: MainWindow, separator: str) -> None:
    song.selection.set_track(song.document.session.tracks[1].id)
    dialog = MinusOneDialog(song.document.session.tracks[1].id, song.document, song.rendering, song.transport, song)
    dialog.open()
    assert type_into(dialog.reach, f"2{separator}5") == 2.5
    dialog.search()
    dialog.reject()
    picture = shown(song, "export_picture", PictureDialog)
    assert isinstance(picture, PictureDialog)
    assert type_into(picture.scale, f"3{separator}4") == 3
    picture.close()


def test_the_scale_factor(qtbot: QtBot, window: MainWindow, separator: str) -> None:
    dialog = ImportDialog(Question("", (SCALE_FACTOR,)), window)
    dialog.open()
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    field = dialog.fields["scale_factor"]
    assert isinstance(field, NumberField)
    assert type_into(field, f"12{separator}5") == 12.5
    assert dialog.values == {"scale_factor": 12.5}
    dialog.reject()


def test_the_inspector_and_the_headers(song: MainWindow, separator: str) -> None:
    track = song.document.session.tracks[0]
    header = song.timeline.headers.header(track.id)
    header.gain_text.setFocus()
    header.gain_text.selectAll()
    QTest.keyClicks(header.gain_text, f"-3{separator}5")
    QTest.keyClick(header.gain_text, Qt.Key.Key_Return)
    assert song.document.session.tracks[0].gain == db_to_gain(-3.5)
    song.selection.set_clips(frozenset({track.clips[0].id}))
    song.inspector.show()
    for name, text in (("Gain", "-3{}5 dB"), ("Fade in", "0{}5"), ("Start", "0:01{}5")):
        field = song.inspector.field(name)
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, text.format(separator))
        QTest.keyClick(field, Qt.Key.Key_Return)
    clip = song.document.session.clip(track.clips[0].id)
    assert (clip.gain, clip.fade_in, clip.start) == (db_to_gain(-3.5), 22_050, 66_150)


def test_no_other_field_takes_numbers() -> None:
    """Only `NumberField` may use Qt's own number fields, which follow the locale and cut what does not fit."""
    others = {"QSpinBox", "QDoubleSpinBox", "QTimeEdit", "QDateTimeEdit", "getInt", "getDouble"}
    others |= {"QDoubleValidator", "QIntValidator", "QLocale", "toDouble"}
    found: dict[str, set[str]] = {}
    for path in UI.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        if used := names & others:
            found[path.name] = used
    assert found == {"number_field.py": {"QDoubleSpinBox", "QLocale"}}
