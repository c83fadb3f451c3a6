"""Exporting: the dialog, the written files, and the files left after an error."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialogButtonBox,
    QInputDialog,
    QLabel,
    QMessageBox,
    QPushButton,
)
from pytestqt.qtbot import QtBot

from lincae_studio.codecs.lincae import pretrained
from lincae_studio.media import writer
from lincae_studio.session import edits, places
from lincae_studio.ui.dialogs.export import ExportDialog
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from tests.codecs.lincae.models import tiny_model
from tests.helpers import FullDisk, files_below, read_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import engine_frozen, press

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def ask(window: MainWindow) -> ExportDialog:
    press(window, Qt.Key.Key_E, CTRL | SHIFT)
    dialogs = [dialog for dialog in window.findChildren(ExportDialog) if dialog.isVisible()]
    assert len(dialogs) == 1
    return dialogs[0]


def accept_button(dialog: ExportDialog) -> QPushButton:
    role = QDialogButtonBox.ButtonRole.AcceptRole
    [button] = [b for b in dialog.buttons.buttons() if dialog.buttons.buttonRole(b) == role]
    assert isinstance(button, QPushButton)
    return button


def begin(window: MainWindow, name: str, sample_format: str | None = None) -> None:
    """Start an export by typing the name and pressing Return."""
    dialog = ask(window)
    if sample_format is not None:
        dialog.format_box.setCurrentIndex(dialog.format_box.findData(sample_format))
    dialog.path_field.selectAll()
    QTest.keyClicks(dialog.path_field, name)
    accept_button(dialog).click()


def finish(qtbot: QtBot, window: MainWindow) -> str:
    """Wait for the export to end; returns the message."""
    qtbot.waitUntil(lambda: not window.exporter.busy, timeout=LIMIT_MS)
    return window.messages.text.text()


def heard(window: MainWindow) -> np.ndarray:
    """The rendered mix as playback reads it."""
    return window.rendering.reader().read(0, window.document.session.length)


def louder(window: MainWindow, position: int, gain: float) -> None:
    track = window.document.session.tracks[position].id
    window.document.apply("Gain", lambda s: edits.set_track_gain(s, track, gain))


def test_the_dialog_suggests_a_name_and_offers_the_formats(song: MainWindow, tmp_path: Path) -> None:
    assert song.save_to(tmp_path / "ballad.lincae")
    dialog = ask(song)
    assert dialog.path == tmp_path / "ballad.wav"
    assert [dialog.format_box.itemData(i) for i in range(dialog.format_box.count())] == ["32f", "24", "16"]
    assert dialog.settings.format.sample_format == "32f"
    for typed, path in (
        ("/x/mix", "/x/mix.wav"),
        ("/x/mix.wav", "/x/mix.wav"),
        (" /x/MIX.WAV ", "/x/MIX.WAV"),
        ("~/mix", str(Path.home() / "mix.wav")),
        ("mix v1.2", str(tmp_path / "mix v1.2.wav")),
        ("~nobody-of-that-name/mix.wav", str(tmp_path / "~nobody-of-that-name/mix.wav")),
    ):
        dialog.path_field.setText(typed)
        assert str(dialog.path) == path
        assert accept_button(dialog).isEnabled()
    for typed in ("", "  ", "/"):
        dialog.path_field.setText(typed)
        assert not accept_button(dialog).isEnabled(), "nothing to export to"
    dialog.reject()


@pytest.mark.engine
@pytest.mark.parametrize(("sample_format", "subtype", "step"), [("16", "PCM_16", 2**-15), ("24", "PCM_24", 2**-23)])
def test_integer_formats(
    qtbot: QtBot, song: MainWindow, out: Path, sample_format: str, subtype: str, step: float
) -> None:
    begin(song, str(out / "mix"), sample_format)
    assert "Exported" in finish(qtbot, song)
    info = sf.info(out / "mix.wav")
    assert (info.subtype, info.format, info.samplerate, info.channels) == (subtype, "WAV", 44_100, 2)
    np.testing.assert_allclose(read_audio(out / "mix.wav"), heard(song), atol=1.5 * step)
    dialog = ask(song)
    assert dialog.path.parent == out, "the folder is remembered"
    assert dialog.settings.format.sample_format == sample_format, "and so is the format"
    dialog.reject()


@pytest.mark.engine
def test_clipping_is_reported_and_float_does_not_clip(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    louder(song, 1, 8.0)
    begin(song, str(out / "loud.wav"), "16")
    assert "samples clipped" in finish(qtbot, song)
    assert np.abs(read_audio(out / "loud.wav")).max() <= 1.0
    begin(song, str(out / "float.wav"), "32f")
    assert "clipped" not in finish(qtbot, song)
    assert np.abs(read_audio(out / "float.wav")).max() > 1.4


@pytest.mark.engine
def test_an_existing_file_is_replaced_only_with_consent(
    qtbot: QtBot, song: MainWindow, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = out / "mix.wav"
    old.write_bytes(b"old")
    questions: list[str] = []
    answer = QMessageBox.StandardButton.No

    def question(
        _parent: object, _title: str, text: str, _buttons: object, default: QMessageBox.StandardButton
    ) -> QMessageBox.StandardButton:
        questions.append(text)
        assert default == QMessageBox.StandardButton.No
        return answer

    monkeypatch.setattr(QMessageBox, "question", question)
    begin(song, str(old))
    assert not song.exporter.busy
    assert old.read_bytes() == b"old"
    answer = QMessageBox.StandardButton.Yes
    begin(song, str(old))
    finish(qtbot, song)
    assert len(questions) == 2
    assert str(old) in questions[0]
    np.testing.assert_array_equal(read_audio(old), heard(song))


@pytest.mark.engine
def test_a_full_disk_leaves_the_old_file(
    qtbot: QtBot, song: MainWindow, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = out / "mix.wav"
    old.write_bytes(b"old")
    disk = FullDisk(100_000)
    monkeypatch.setattr(writer, "open", disk, raising=False)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    begin(song, str(old))
    assert "the disk is full" in finish(qtbot, song)
    assert disk.refused
    assert old.read_bytes() == b"old"
    assert files_below(out) == [old]
    monkeypatch.undo()


@pytest.mark.engine
def test_invalid_targets_are_reported(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    for name, reason in (
        (str(out / "missing" / "mix.wav"), "no such file or folder"),
        (str(out / "mix.aiff"), "must end in .wav"),
        (str(out / ("x" * 300)), "too long"),
    ):
        begin(song, name)
        assert reason in finish(qtbot, song)
    assert files_below(out) == []
    begin(song, str(out / "mix.wav"))
    assert "Exported" in finish(qtbot, song)
    assert len(song.messages.cards) == 1, "what earlier exports came to is over"


@pytest.mark.engine
def test_a_cancelled_export_leaves_nothing(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    with engine_frozen():
        first = song.document.session.tracks[0].clips[0]
        song.document.apply("Trim", lambda s: edits.trim_clip(s, first.id, 0, first.length - 100))
        begin(song, str(out / "mix.wav"))
        dialog = song.findChild(ProgressDialog)
        assert dialog is not None
        qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
        qtbot.waitUntil(lambda: 0 < dialog.bar.value() < dialog.bar.maximum(), timeout=LIMIT_MS)
        assert "Exporting mix.wav" in dialog.label.text()
        assert [path.suffix for path in files_below(out)] == [".part"], "it is being written"
        [cancel] = dialog.findChildren(QPushButton)
        cancel.click()
        assert "cancelled" in finish(qtbot, song)
        assert files_below(out) == []
    wait_rendered(qtbot, song)


@pytest.mark.engine
def test_closing_the_progress_window_cancels(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    with engine_frozen():
        louder(song, 0, 0.5)
        begin(song, str(out / "mix.wav"))
        dialog = song.findChild(ProgressDialog)
        assert dialog is not None
        qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
        dialog.close()
        assert "cancelled" in finish(qtbot, song)
    assert files_below(out) == []


@pytest.mark.engine
def test_edits_during_an_export_do_not_change_it(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    louder(song, 0, 0.5)
    wait_rendered(qtbot, song)
    expected = heard(song)
    louder(song, 0, 0.25)
    wait_rendered(qtbot, song)
    with engine_frozen():
        song.codecs.actions["mdct-1x"].trigger()
        begin(song, str(out / "now.wav"))
        song.codecs.actions["mdct-2x"].trigger()
        louder(song, 0, 0.5)
        press(song, Qt.Key.Key_A, CTRL)
        press(song, Qt.Key.Key_Delete)
        assert song.document.session.length == 0
        song.exporter.export(out / "second.wav")
        assert "An export is already running" in song.messages.text.text()
    assert "Exported" in finish(qtbot, song)
    assert [path.name for path in files_below(out)] == ["now.wav"], "the second export was refused"
    written = read_audio(out / "now.wav")
    for _ in range(3):
        press(song, Qt.Key.Key_Z, CTRL)
    song.codecs.actions["mdct-1x"].trigger()
    wait_rendered(qtbot, song)
    assert song.document.session.tracks[0].gain == 0.25
    np.testing.assert_array_equal(written, heard(song))
    assert np.abs(written - expected).max() > 0.01


def test_an_empty_session_cannot_be_exported(window: MainWindow) -> None:
    press(window, Qt.Key.Key_E, CTRL | SHIFT)
    assert not window.findChildren(ExportDialog)


def choose(box: QComboBox, value: object) -> None:
    place = box.findData(value)
    assert place >= 0, f"{value} is not offered"
    box.setCurrentIndex(place)
    box.activated.emit(place)


def accept(qtbot: QtBot, window: MainWindow, dialog: ExportDialog) -> str:
    accept_button(dialog).click()
    return finish(qtbot, window)


@pytest.mark.engine
def test_stems_dry_mix_difference_and_latents_at_once(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    dialog = ask(song)
    dialog.path_field.setText(str(out / "song.flac"))
    assert dialog.container_box.currentData() == "flac", "the typed extension selects the format"
    for content in ("dry", "difference", "tracks", "latents"):
        dialog.contents[content].setChecked(True)
    assert "7 files: song.flac, song (dry).flac, song (difference).flac and 4 more" in dialog.summary.text()
    text = accept(qtbot, song, dialog)
    assert f"Exported 7 files to {out}" in text
    assert sorted(path.name for path in files_below(out)) == [
        "song (difference).flac",
        "song (dry).flac",
        "song - 1 a.flac",
        "song - 2 b.flac",
        "song - 3 c.flac",
        "song latents.safetensors",
        "song.flac",
    ]
    mix = read_audio(out / "song.flac")
    np.testing.assert_allclose(mix, heard(song), atol=2**-22)
    stems = sum(read_audio(out / f"song - {name}.flac") for name in ("1 a", "2 b", "3 c"))
    np.testing.assert_allclose(stems, mix, atol=1e-4)
    np.testing.assert_allclose(read_audio(out / "song (dry).flac"), song.rendering.dry.read(0, mix.shape[1]), atol=1e-6)
    with sf.SoundFile(out / "song.flac") as file:
        assert "codec" in file.comment
    again = ask(song)
    assert again.settings.contents == ("mix", "dry", "difference", "tracks", "latents"), "the settings are remembered"
    assert again.path.suffix == ".flac"
    again.reject()


@pytest.mark.engine
def test_several_files_are_replaced_only_with_consent(qtbot: QtBot, song: MainWindow, out: Path, asked: Asked) -> None:
    for name in ("song.wav", "song - 2 b.wav"):
        (out / name).write_bytes(b"old")
    dialog = ask(song)
    dialog.contents["tracks"].setChecked(True)
    dialog.path_field.setText(str(out / "song.wav"))
    accept_button(dialog).click()
    assert asked.questions == ["2 of the files already exist. Replace them?"]
    assert not song.exporter.busy
    assert (out / "song - 2 b.wav").read_bytes() == b"old"
    assert dialog.isVisible(), "another name can be typed"
    dialog.path_field.setText(str(out / "other.wav"))
    assert "Exported 4 files" in accept(qtbot, song, dialog)


@pytest.mark.engine
def test_latents_alone_have_the_name_that_was_typed(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    dialog = ask(song)
    dialog.contents["latents"].setChecked(True)
    dialog.contents["mix"].setChecked(False)
    choose(dialog.latents_box, "npz")
    dialog.path_field.setText(str(out / "z.npz"))
    accept(qtbot, song, dialog)
    assert files_below(out) == [out / "z.npz"]


@pytest.mark.engine
def test_the_loop_or_the_selection_is_exported(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    mix = heard(song)
    dialog = ask(song)
    assert [dialog.span_box.itemData(n) for n in range(dialog.span_box.count())] == ["all"]
    dialog.reject()
    song.place_commands.set_loop(44_100, 88_200)
    clip = song.document.session.tracks[2].clips[0].id
    song.selection.set_clips([clip])
    wait_rendered(qtbot, song)
    for span, expected in (("loop", mix[:, 44_100:88_200]), ("selection", mix[:, :88_200])):
        dialog = ask(song)
        choose(dialog.span_box, span)
        dialog.path_field.setText(str(out / f"{span}.wav"))
        accept(qtbot, song, dialog)
        np.testing.assert_allclose(read_audio(out / f"{span}.wav"), expected, atol=1e-6)
    song.selection.set_clips([])
    dialog = ask(song)
    assert dialog.settings.span == "all", "there is no longer a selection"
    dialog.reject()


@pytest.mark.engine
def test_each_section_is_exported_to_a_file(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    for start, length, name in ((22_050, 40_000, "Verse"), (88_200, 30_000, "Chorus")):
        song.document.apply("Add Section", partial(places.add_marker, at=start, name=name, length=length))
    wait_rendered(qtbot, song)
    mix = heard(song)
    dialog = ask(song)
    choose(dialog.span_box, "sections")
    dialog.path_field.setText(str(out / "song.wav"))
    assert "2 files: song - 1 Verse.wav, song - 2 Chorus.wav" in dialog.summary.text()
    accept(qtbot, song, dialog)
    assert files_below(out) == [out / "song - 1 Verse.wav", out / "song - 2 Chorus.wav"]
    np.testing.assert_allclose(read_audio(out / "song - 1 Verse.wav"), mix[:, 22_050:62_050], atol=1e-6)
    np.testing.assert_allclose(read_audio(out / "song - 2 Chorus.wav"), mix[:, 88_200:118_200], atol=1e-6)


@pytest.mark.engine
def test_levels_rates_and_lossy_formats(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    dialog = ask(song)
    choose(dialog.level_box, "loudness")
    assert dialog.target.value() == -14.0
    assert dialog.target.suffix() == " LUFS"
    choose(dialog.level_box, "peak")
    assert dialog.target.suffix() == " dBFS"
    dialog.target.setValue(-6.0)
    choose(dialog.rate_box, 48_000)
    dialog.path_field.setText(str(out / "loud.wav"))
    text = accept(qtbot, song, dialog)
    assert "peak -6.0 dBFS" in text
    assert "level changed by" in text
    assert sf.info(out / "loud.wav").samplerate == 48_000
    dialog = ask(song)
    choose(dialog.level_box, "none")
    choose(dialog.rate_box, 44_100)
    choose(dialog.container_box, "mp3")
    assert dialog.path.suffix == ".mp3"
    assert not dialog.format_box.isVisible()
    assert dialog.quality.isVisible()
    dialog.path_field.setText(str(out / "small.mp3"))
    accept(qtbot, song, dialog)
    assert sf.info(out / "small.mp3").format == "MP3"


@pytest.mark.engine
def test_a_loudness_that_cannot_be_measured_is_reported(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    song.place_commands.set_loop(0, 10_000)
    dialog = ask(song)
    choose(dialog.span_box, "loop")
    choose(dialog.level_box, "loudness")
    dialog.contents["dry"].setChecked(True)
    dialog.path_field.setText(str(out / "hit.wav"))
    text = accept(qtbot, song, dialog)
    assert "hit.wav was not normalised: it is shorter than 0.4 s" in text
    assert "nor was 1 other file" in text
    assert "level changed" not in text
    np.testing.assert_array_equal(read_audio(out / "hit.wav"), heard(song)[:, :10_000])


def test_each_mnemonic_of_the_dialog_is_used_once(song: MainWindow) -> None:
    dialog = ask(song)
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    texts += [button.text() for button in dialog.findChildren(QAbstractButton)]
    keys = [found.lower() for text in texts for found in re.findall(r"&(\w)", text)]
    assert "r" in keys, "the limiter"
    assert sorted(set(keys)) == sorted(keys)
    dialog.reject()


def test_impossible_settings_are_reported_in_the_dialog(song: MainWindow, out: Path) -> None:
    dialog = ask(song)
    dialog.contents["mix"].setChecked(False)
    assert "Choose what" in dialog.summary.text()
    assert not accept_button(dialog).isEnabled()
    dialog.contents["mix"].setChecked(True)
    choose(dialog.container_box, "mp3")
    choose(dialog.rate_box, 96_000)
    assert "MP3 does not support 96000 Hz" in dialog.summary.text()
    assert not accept_button(dialog).isEnabled()
    choose(dialog.rate_box, 44_100)
    assert accept_button(dialog).isEnabled()
    dialog.reject()


@pytest.mark.engine
def test_a_song_without_a_name_is_not_tagged_untitled(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    for typed, title in (("Untitled", ""), ("ballad", "ballad")):
        dialog = ask(song)
        assert dialog.path.stem == "Untitled"
        assert dialog.title_field.text() == ""
        dialog.path_field.selectAll()
        QTest.keyClicks(dialog.path_field, str(out / typed))
        assert dialog.title_field.placeholderText() == title, "the tag that an empty field stands for"
        accept(qtbot, song, dialog)
        with sf.SoundFile(out / f"{typed}.wav") as file:
            assert file.title == title
    assert song.save_to(out / "ballad.lincae")
    dialog = ask(song)
    assert dialog.title_field.text() == "ballad"
    dialog.reject()


def test_averaging_is_not_offered_where_all_decodes_are_equal(song: MainWindow) -> None:
    dialog = ask(song)
    assert not dialog.decodes.number.isEnabled()
    assert dialog.decodes.cost.text() == "MDCT 2x does not decode from noise: all decodes are equal"
    dialog.reject()


@pytest.mark.engine
@pytest.mark.slow
def test_decodes_are_averaged_their_cost_is_said_before_and_their_gain_after(
    qtbot: QtBot, song: MainWindow, out: Path, tmp_path: Path
) -> None:
    pretrained.save_own(tiny_model(), tmp_path / "tiny", title="Tiny", linear=True)
    song.document.apply("Codec", lambda session: edits.set_codec(session, str(tmp_path / "tiny")))
    qtbot.waitUntil(lambda: song.rendering.progress()[0] > 0, timeout=120_000)  # the engine loads torch first
    wait_rendered(qtbot, song)
    rendered = song.rendering.reader().read(0, song.document.session.length)
    dialog = ask(song)
    assert dialog.decodes.cost.text() == "one decode of each chunk"
    dialog.decodes.number.setFocus()
    dialog.decodes.number.selectAll()
    QTest.keyClicks(dialog.decodes.number, "3")
    count = len(song.rendering.plan.audible)
    assert dialog.decodes.cost.text().startswith(f"{3 * count} renders, ")
    dialog.path_field.selectAll()
    QTest.keyClicks(dialog.path_field, str(out / "mean.wav"))
    accept_button(dialog).click()
    assert "mean of 3 decodes: " in finish(qtbot, song)
    mean = read_audio(out / "mean.wav")
    assert mean.shape == rendered.shape
    assert 0.0 < np.abs(mean - rendered).mean() < 2.0 * np.abs(rendered).mean()
    assert "mean of 3 decodes" in sf.SoundFile(out / "mean.wav").comment
    assert song.preferences.value.export.decodes == 3


def test_presets_are_chosen_kept_and_forgotten(qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = ask(song)
    assert dialog.presets.box.currentText() == "Mix, 32-bit float"
    choose(dialog.presets.box, "Mix for streaming, -14 LUFS")
    assert dialog.settings.level.normalize == "loudness"
    assert dialog.settings.format.sample_format == "24"
    dialog.tail.setValue(2.0)
    choose(dialog.container_box, "flac")
    assert dialog.path.suffix == ".flac"
    assert dialog.presets.box.currentText() == "(custom)"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("Mine", True))
    dialog.presets.save_button.click()
    assert dialog.presets.box.currentText() == "Mine"
    said: list[str] = []
    monkeypatch.setattr(QMessageBox, "information", lambda *texts: said.append(texts[-1]))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    dialog.tail.setValue(3.0)
    dialog.presets.save_button.click()
    assert song.preferences.value.export_presets["Mine"].tail_s == 2.0, "not replaced without asking"
    dialog.tail.setValue(2.0)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("Mix, 16-bit for CD", True))
    dialog.presets.save_button.click()
    assert "built-in preset" in said[0]
    choose(dialog.presets.box, "Mix, 16-bit for CD")
    assert not dialog.presets.delete_button.isEnabled(), "built-in presets cannot be deleted"
    assert dialog.path.suffix == ".wav"
    choose(dialog.presets.box, "Mine")
    assert dialog.path.suffix == ".flac"
    assert dialog.settings.tail_s == 2.0
    dialog.reject()
    dialog = ask(song)
    choose(dialog.presets.box, "Mine")
    assert dialog.settings.level.target_db == -14.0
    dialog.presets.delete_button.click()
    assert dialog.presets.box.findData("Mine") < 0
    assert song.preferences.value.export_presets == {}
    dialog.reject()
