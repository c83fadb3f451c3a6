"""Monitor modes, the audio page, scrubbing, and devices that appear and disappear."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.codecs.base import Array
from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.sinks import Pull, SilentSink
from lincae_studio.playback.tone import TestTone
from lincae_studio.session import edits
from lincae_studio.ui.dialogs import preferences_audio
from lincae_studio.ui.dialogs.preferences import PreferencesDialog
from lincae_studio.ui.dialogs.preferences_audio import AudioPage
from lincae_studio.ui.main_window import MainWindow
from tests.playback.test_player import SteppedSink
from tests.ui.conftest import LIMIT_MS, PX, wait_rendered
from tests.ui.drive import drag, engine_frozen, press, release

SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


def heard(window: MainWindow, count: int = 100_000) -> Array:
    """What the player reads now."""
    source = window.player._source
    assert source is not None
    return source.read(0, count)


# The monitor


@pytest.mark.engine
def test_the_monitor_mode_selects_what_is_played(qtbot: QtBot, song: MainWindow) -> None:
    song.codecs.actions["mdct-4x"].trigger()
    wait_rendered(qtbot, song)
    dry, latent = song.rendering.reader("dry").read(0, 100_000), song.rendering.reader().read(0, 100_000)
    assert np.abs(dry - latent).max() > 1e-3, "the codec is heard"
    for key, name, expected in (
        (Qt.Key.Key_2, "latent only", latent),
        (Qt.Key.Key_3, "dry only", dry),
        (Qt.Key.Key_4, "difference", latent - dry),
        (Qt.Key.Key_1, "", latent),
    ):
        press(song, key, SHIFT)
        np.testing.assert_allclose(heard(song), expected, atol=1e-6)
        assert song.status.output.text() == name
    assert song.actions_by_id["monitor_auto"].isChecked()


def test_the_dry_monitor_is_the_sum_of_the_files(song: MainWindow) -> None:
    song.actions_by_id["monitor_dry"].trigger()
    read = song.rendering.audio
    expected = np.zeros((2, 100_000), np.float32)
    for clip in song.document.session.clips():
        media = song.document.session.media_of(clip.media)
        sides = [read.read(clip.media, channel, 0, 100_000) for channel in range(media.channels)]
        expected += np.stack([sides[0], sides[-1]])
    np.testing.assert_allclose(heard(song), expected, atol=1e-6)


@pytest.mark.engine
def test_unrendered_chunks_are_silent_when_monitoring_latents(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    with engine_frozen():
        song.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, 0.5))
        assert heard(song).any()
        bar = song.timeline.render_bar
        for monitor in ("latent", "difference"):
            song.actions_by_id[f"monitor_{monitor}"].trigger()
            assert not heard(song).any(), monitor
            assert "nothing is heard" in bar.describe(20)
        song.actions_by_id["monitor_auto"].trigger()
        assert "the dry mix is heard" in bar.describe(20)
        assert heard(song).any()
    song.actions_by_id["monitor_latent"].trigger()
    wait_rendered(qtbot, song)
    qtbot.waitUntil(lambda: bool(heard(song).any()), timeout=LIMIT_MS)


@pytest.mark.engine
def test_exports_do_not_depend_on_the_monitor(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    before = song.rendering.reader().read(0, 50_000)
    song.actions_by_id["monitor_difference"].trigger()
    np.testing.assert_array_equal(song.rendering.reader().read(0, 50_000), before)


# The audio page


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The devices that the page finds; the test may plug others in."""
    found = {"ALSA": ["Speakers", "USB DAC"], "JACK Audio Connection Kit": ["system"]}
    monkeypatch.setattr(
        preferences_audio, "outputs", lambda rescan: {host: list(names) for host, names in found.items()}
    )
    return found


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, devices: dict[str, list[str]]) -> AudioPage:
    press(window, Qt.Key.Key_Comma, CTRL)
    dialog = window.findChild(PreferencesDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    dialog.pages.setCurrentWidget(dialog.audio)
    return dialog.audio


def items(box: object) -> list[str]:
    return [box.itemText(row) for row in range(box.count())]  # type: ignore[attr-defined]


def choose(box: object, text: str) -> None:
    row = items(box).index(text)
    box.setCurrentIndex(row)  # type: ignore[attr-defined]
    box.activated.emit(row)  # type: ignore[attr-defined]


def test_devices_are_chosen_by_name_and_kept(window: MainWindow, page: AudioPage) -> None:
    assert items(page.host) == ["System default", "ALSA", "JACK Audio Connection Kit"]
    assert items(page.device) == ["Default device", "Speakers", "USB DAC", "system"]
    choose(page.host, "ALSA")
    assert items(page.device) == ["Default device", "Speakers", "USB DAC"]
    choose(page.device, "USB DAC")
    choose(page.buffer, "512 frames")
    chosen = window.preferences.value
    assert (chosen.audio_host, chosen.audio_device, chosen.audio_buffer) == ("ALSA", "USB DAC", 512)
    output = window.player.sinks[0].keywords["output"]  # type: ignore[attr-defined]
    assert (output.host, output.device, output.buffer) == ("ALSA", "USB DAC", 512)


def test_a_missing_device_stays_selected(window: MainWindow, page: AudioPage, devices: dict[str, list[str]]) -> None:
    choose(page.host, "ALSA")
    choose(page.device, "USB DAC")
    devices["ALSA"].remove("USB DAC")
    QTest.mouseClick(page.rescan, Qt.MouseButton.LeftButton)
    assert page.device.currentText() == "USB DAC (not available)"
    devices["ALSA"].append("USB DAC")
    QTest.mouseClick(page.rescan, Qt.MouseButton.LeftButton)
    assert page.device.currentText() == "USB DAC"


def test_opening_the_page_does_not_stop_the_sound(
    qtbot: QtBot, song: MainWindow, devices: dict[str, list[str]]
) -> None:
    song.player.sinks = (SteppedSink,)  # takes nothing: the song does not end meanwhile
    press(song, Qt.Key.Key_Space)
    press(song, Qt.Key.Key_Comma, CTRL)
    dialog = song.findChild(PreferencesDialog)
    assert dialog is not None
    assert song.player.playing
    QTest.mouseClick(dialog.audio.rescan, Qt.MouseButton.LeftButton)
    assert not song.player.playing, "looking again is another matter"


def test_the_level_is_set_at_once(window: MainWindow, page: AudioPage) -> None:
    page.level.setValue(-20)
    assert window.player.level == pytest.approx(0.1)
    assert page.level_text.text() == "-20 dB"
    assert window.preferences.value.output_level_db == -20.0


def test_without_portaudio_the_page_says_so(page: AudioPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_rescan: bool) -> dict[str, list[str]]:
        raise AudioDeviceError("there is no sound: the PortAudio library is missing", "Install libportaudio2")

    monkeypatch.setattr(preferences_audio, "outputs", missing)
    page.list_devices(rescan=True)
    assert "Install libportaudio2" in page.message.text()
    assert items(page.device) == ["Default device"]


def test_the_test_tone_plays_left_then_right(qtbot: QtBot, window: MainWindow, page: AudioPage) -> None:
    tone = TestTone()
    whole = tone.read(0, tone.length + 100)
    assert np.abs(whole).max() == pytest.approx(0.1, rel=1e-3)
    assert not whole[1, :44_100].any()
    assert not whole[0, 44_100:].any()
    assert np.argmax(np.abs(np.fft.rfft(whole[0, :44_100]))) == 440
    heard: list[SilentSink] = []

    def open_sink(pull: Pull, rate: int) -> SilentSink:
        heard.append(SilentSink(pull, rate))
        return heard[-1]

    window.player.sinks = (open_sink,)
    window.transport.seek(0)
    QTest.mouseClick(page.tone, Qt.MouseButton.LeftButton)
    assert len(heard) == 1
    assert window.player.position == 0, "the playhead stays where it is"
    window.transport.play_test_tone()
    assert len(heard) == 2, "again: the first is over"


# Scrubbing


def test_dragging_on_the_ruler_scrubs(qtbot: QtBot, song: MainWindow) -> None:
    song.player.sinks = (SilentSink,)
    ruler = song.timeline.ruler

    def playing() -> bool:
        assert song.rendering.store.playing == song.player.playing, "chunks that are heard come first"
        return song.player.playing

    drag(ruler, (100, 8), (180, 8), release=False)
    assert playing(), "a grain of each place is heard"
    assert song.player._scrubbing
    qtbot.waitUntil(lambda: song.player._grain == 0, timeout=LIMIT_MS)
    release(ruler, 180, 8)
    assert not playing()
    assert song.player.position == 180 * PX
    drag(ruler, (100, 8), (150, 8), release=False)
    press(song, Qt.Key.Key_Escape)
    assert not playing()


def test_a_click_on_the_ruler_does_not_scrub(song: MainWindow) -> None:
    song.player.sinks = (SilentSink,)
    drag(song.timeline.ruler, (100, 8), (101, 8), release=False)
    assert not song.player.playing
    release(song.timeline.ruler, 101, 30)
    assert song.player.position == 100 * PX


def test_without_a_device_scrubbing_moves_the_playhead(song: MainWindow) -> None:
    def none(_pull: Pull, _rate: int) -> SilentSink:
        raise AudioDeviceError("there is no sound: no usable audio output", "Connect one")

    song.player.sinks = (none, SilentSink)
    drag(song.timeline.ruler, (100, 8), (180, 8))
    assert not song.player.playing
    assert song.player.position == 180 * PX


def test_without_a_device_the_reason_is_given_once_not_at_every_start(song: MainWindow) -> None:
    def none(_pull: Pull, _rate: int) -> SilentSink:
        raise AudioDeviceError("there is no sound: no usable audio output", "Connect one")

    song.player.sinks = (none, SilentSink)
    press(song, Qt.Key.Key_Space)
    [card] = song.messages.cards
    assert "without sound" in card.text.text()
    assert card.lasts, "it stays while it matters"
    press(song, Qt.Key.Key_F8)
    press(song, Qt.Key.Key_Escape)
    assert not song.messages.isVisible()
    for _ in range(3):
        press(song, Qt.Key.Key_Space)
    assert not song.messages.isVisible()
    assert song.status.output.text() == ""
    press(song, Qt.Key.Key_Space)
    assert song.status.output.text() == "no audio device"
    press(song, Qt.Key.Key_Space)
    song.preferences.set(audio_device="Another")
    song.player.sinks = (none, SilentSink)
    press(song, Qt.Key.Key_Space)
    assert song.messages.isVisible(), "another output is chosen, and does not work either"
    press(song, Qt.Key.Key_Space)
    song.player.sinks = (SilentSink,)
    press(song, Qt.Key.Key_Space)
    assert not song.messages.isVisible(), "there is sound: the message is over"


def test_another_session_counts_dropouts_from_0(song: MainWindow) -> None:
    song.player.sinks = (SteppedSink,)
    press(song, Qt.Key.Key_Space)
    sink = song.player._sink
    assert isinstance(sink, SteppedSink)
    song.player._primed = True
    sink.take(20_000)  # more than the buffer holds, however full it is by now
    assert song.player.heard_dropouts
    press(song, Qt.Key.Key_Space)
    assert "dropout" in song.status.output.text()
    song.document.replace(song.document.session, None)
    assert song.status.output.text() == ""


# Devices that vanish


def test_a_lost_device_is_reported_and_the_playhead_continues(qtbot: QtBot, song: MainWindow) -> None:
    class Vanishing(SilentSink):
        name = "USB DAC"

    opened: list[Vanishing] = []

    def open_sink(pull: Pull, rate: int) -> SilentSink:
        opened.append(Vanishing(pull, rate))
        return opened[-1]

    sinks: tuple[Callable[[Pull, int], SilentSink], ...] = (open_sink, SilentSink)
    song.player.sinks = sinks
    press(song, Qt.Key.Key_Space)
    assert song.status.output.text() == "USB DAC"
    qtbot.waitUntil(lambda: song.player.position > 5000, timeout=LIMIT_MS)
    opened[0].lost = True
    qtbot.waitUntil(lambda: "USB DAC has stopped" in song.messages.text.text(), timeout=LIMIT_MS)
    before = song.player.position
    qtbot.waitUntil(lambda: song.player.position > before + 5000, timeout=LIMIT_MS)
    assert song.status.output.text().startswith("no audio device")
    press(song, Qt.Key.Key_P)
