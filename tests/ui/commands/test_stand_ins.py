"""What is heard, drawn and exported while clips are being stretched."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from lincae_studio.errors import MediaError
from lincae_studio.export_settings import ExportSettings
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, processing
from lincae_studio.session.model import Media
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.clip_labels import label_of
from tests.helpers import files_below, read_audio
from tests.ui.commands.test_processing import clip, heard, process, undo, wait_made
from tests.ui.conftest import LIMIT_MS

SECOND = 44_100
DRY = ExportSettings(contents=("dry",))


class Gate:
    """Holds the making of media at 40 per cent until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        self._error: MediaError | None = None
        gate, ensure = self, MediaStore.ensure

        def held(
            store: MediaStore,
            media: Media,
            progress: ReportProgress = no_progress,
            cancel: CancelToken | None = None,
        ) -> object:
            progress(Progress(40, 100, "stretching"))
            while not gate._open.wait(0.01):
                if cancel is not None:
                    cancel.check()
            if gate._error is not None:
                raise gate._error
            return ensure(store, media, progress, cancel)

        monkeypatch.setattr(MediaStore, "ensure", held)

    def open(self, error: MediaError | None = None) -> None:
        self._error = error
        self._open.set()

    def close(self) -> None:
        self._open.clear()


@pytest.fixture
def gate(song: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The window with one clip, of 4 s."""
    others = [track.id for track in song.document.session.tracks[1:]]
    song.document.apply("Delete", lambda session: edits.remove_tracks(session, others))
    return Gate(monkeypatch)


def stretch(window: MainWindow, factor: float) -> None:
    clip_id = clip(window).id
    window.document.apply("Stretch", lambda session: processing.set_stretch(session, {clip_id}, factor=factor))


def label(qtbot: QtBot, window: MainWindow, expected: str) -> None:
    """Wait until the clip says what is expected."""
    lanes = window.timeline.lanes

    def shows() -> bool:
        session = window.document.session
        media = {item.digest: item for item in session.media}
        return expected in label_of(clip(window), media, window.rendering.offline, False, lanes._making)

    qtbot.waitUntil(shows, timeout=LIMIT_MS)


def test_the_unstretched_audio_is_heard_until_the_stretched_is_there(
    qtbot: QtBot, song: MainWindow, store: MediaStore, gate: Gate
) -> None:
    samples = np.array(store.open(clip(song).media).samples[:, 0])
    stretch(song, 1.5)
    plan = song.rendering.update_plan()
    assert heard(song, 0, 3 * SECOND)[0] == pytest.approx(samples[: 3 * SECOND], abs=1e-6)
    assert not heard(song, 4 * SECOND, 2 * SECOND).any(), "there is no more of it"
    assert plan.length == song.rendering.session.length == 6 * SECOND, "the clip keeps its place"
    label(qtbot, song, "processing 40 %")
    drawn = song.timeline.lanes.grab().toImage()
    gate.open()
    wait_made(qtbot, song)
    assert np.abs(heard(song, 5 * SECOND, SECOND)).max() > 0.01
    assert song.timeline.lanes.grab().toImage() != drawn


def test_a_clip_that_gets_shorter_plays_no_longer_than_it_will(song: MainWindow, store: MediaStore, gate: Gate) -> None:
    samples = np.array(store.open(clip(song).media).samples[:, 0])
    stretch(song, 0.5)
    assert heard(song, 0, SECOND)[0] == pytest.approx(samples[:SECOND], abs=1e-6)
    assert not heard(song, 2 * SECOND, SECOND).any()
    gate.open()


def test_the_last_result_is_heard_while_the_next_is_made(
    qtbot: QtBot, song: MainWindow, store: MediaStore, gate: Gate
) -> None:
    gate.open()
    stretch(song, 1.5)
    wait_made(qtbot, song)
    before = heard(song, SECOND, SECOND)
    gate.close()
    stretch(song, 1.6)
    assert heard(song, SECOND, SECOND) == pytest.approx(before, abs=1e-6)
    stretch(song, 1.01)
    samples = np.array(store.open(song.document.session.media[0].source.digest).samples[:, 0])
    assert heard(song, SECOND, SECOND)[0] == pytest.approx(samples[SECOND : 2 * SECOND], abs=1e-6), "it is nearer"
    undo(song)
    undo(song)
    assert heard(song, SECOND, SECOND) == pytest.approx(before, abs=1e-6)


def test_channels_and_reversal_are_those_of_the_clip(qtbot: QtBot, song: MainWindow, gate: Gate) -> None:
    gate.open()
    process(song, "invert", 0)
    process(song, "reverse", 0)
    wait_made(qtbot, song)
    before = heard(song, 0, SECOND)
    gate.close()
    stretch(song, 2.0)
    assert heard(song, 0, SECOND) == pytest.approx(before, abs=1e-6)


def test_an_export_waits_for_what_is_being_processed(
    qtbot: QtBot, song: MainWindow, gate: Gate, tmp_path: Path
) -> None:
    stretch(song, 1.5)
    out = tmp_path / "out" / "dry.wav"
    out.parent.mkdir()
    assert song.rendering.export_warnings(dry=True) == [], "nothing will be missing"
    song.exporter.export(out, DRY)
    waiting = dialog(qtbot, song)
    assert "Processing clips" in waiting.label.text()
    assert not files_below(out.parent)
    with qtbot.waitSignal(song.exporter.finished, timeout=LIMIT_MS):
        gate.open()
    assert read_audio(out) == pytest.approx(heard(song, 0, 6 * SECOND), abs=1e-6)
    assert np.abs(read_audio(out)[:, 5 * SECOND :]).max() > 0.01


def dialog(qtbot: QtBot, window: MainWindow) -> ProgressDialog:
    qtbot.waitUntil(lambda: any(one.isVisible() for one in window.findChildren(ProgressDialog)), timeout=LIMIT_MS)
    return next(one for one in window.findChildren(ProgressDialog) if one.isVisible())


def test_cancelling_the_wait_exports_nothing_and_keeps_processing(
    qtbot: QtBot, song: MainWindow, gate: Gate, tmp_path: Path
) -> None:
    stretch(song, 1.5)
    out = tmp_path / "out" / "dry.wav"
    out.parent.mkdir()
    song.exporter.export(out, DRY)
    waiting = dialog(qtbot, song)
    waiting.reject()
    qtbot.waitUntil(lambda: not song.findChildren(ProgressDialog), timeout=LIMIT_MS)
    assert song.derived_media.making
    gate.open()
    wait_made(qtbot, song)
    assert not files_below(out.parent)
    assert not song.exporter.busy


def test_what_cannot_be_processed_is_never_exported(qtbot: QtBot, song: MainWindow, gate: Gate, tmp_path: Path) -> None:
    stretch(song, 1.5)
    out = tmp_path / "out" / "dry.wav"
    out.parent.mkdir()
    song.exporter.export(out, DRY)
    with qtbot.waitSignal(song.exporter.failed, timeout=LIMIT_MS):
        gate.open(MediaError("the library fails", "Try again"))
    assert not files_below(out.parent)
    assert "a could not be processed: the library fails" in song.messages.text.text().lower()
    assert song.rendering.export_warnings() == ["a could not be processed and will be silent: the library fails."]
    assert not heard(song, 0, SECOND).any(), "it is not taken for what was asked for"


def test_a_bundle_waits_too(qtbot: QtBot, song: MainWindow, gate: Gate, tmp_path: Path) -> None:
    stretch(song, 1.5)
    out = tmp_path / "out" / "song.lincaez"
    out.parent.mkdir()
    saved: list[object] = []
    song.bundles.save(out, saved.append)
    dialog(qtbot, song).reject()
    qtbot.waitUntil(lambda: not song.findChildren(ProgressDialog), timeout=LIMIT_MS)
    assert not saved
    assert not files_below(out.parent)
    gate.open()
