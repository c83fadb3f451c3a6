"""Views of the rendered mix: its waveform and its latents, compared with the mix and the latents themselves."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.media.peaks import BLOCK, block_peaks
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.waveform import WaveLook, wave_image
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_rendered
from tests.ui.drive import engine_frozen
from tests.ui.look import pixels, rgb

pytestmark = pytest.mark.engine

# The mix waveform


def mix_of(window: MainWindow) -> np.ndarray:
    """The dry sum of the song, with no code of ours but the file reading: the codec is lossless here."""
    mix = np.zeros((window.document.session.length, 2))
    for track in window.document.session.tracks:
        for clip in track.clips:
            samples = sf.read(window.document.session.media_of(clip.media).path, always_2d=True)[0]
            if not track.mute:
                mix[clip.start : clip.end] += track.gain * samples[clip.offset : clip.offset + clip.length]
    return mix


def test_the_mix_waveform_has_the_peaks_of_the_mix(qtbot: QtBot, song: MainWindow) -> None:
    song.codecs.actions["mdct-1x"].trigger()
    wait_rendered(qtbot, song)
    expected = block_peaks(mix_of(song).astype(np.float32))
    master = song.timeline.master
    np.testing.assert_allclose(master.peaks.pyramid.level_0(0, len(expected)), expected, atol=1e-4)
    mute = song.timeline.headers.header(song.document.session.tracks[0].id).mute
    QTest.mouseClick(mute, Qt.MouseButton.LeftButton)
    wait_rendered(qtbot, song)
    muted = block_peaks(mix_of(song).astype(np.float32))
    assert np.abs(muted - expected).max() > 0.1
    np.testing.assert_allclose(master.peaks.pyramid.level_0(0, len(muted)), muted, atol=1e-4)


def test_the_mix_is_drawn_up_to_its_peaks(qtbot: QtBot, song: MainWindow) -> None:
    song.codecs.actions["mdct-1x"].trigger()
    song.transport.seek(44_100 * 30)  # the playhead out of the way
    wait_rendered(qtbot, song)
    master, mix = song.timeline.master, mix_of(song).astype(np.float32)
    middle = (master.height() - 1) / 2
    for samples_per_px in (4.0, 100.0, 441.0, 1000.0):
        set_zoom(song, samples_per_px)
        wave = (pixels(master) == rgb(theme.colors().mix_wave)).all(axis=2)
        for x in range(5, 170, 7):
            first, last = int(x * samples_per_px), int(np.ceil((x + 1) * samples_per_px))
            if samples_per_px >= BLOCK:  # whole blocks around the column
                first, last = first // BLOCK * BLOCK, -(-last // BLOCK) * BLOCK
            low, high = mix[first:last].min(), mix[first:last].max()
            drawn = np.nonzero(wave[:, x])[0]
            assert drawn[0] == pytest.approx(middle - min(1.0, high) * middle, abs=1.1), (samples_per_px, x)
            assert drawn[-1] == pytest.approx(middle - max(-1.0, low) * middle, abs=1.1), (samples_per_px, x)


def wave_rows(window: MainWindow, color: str, x: int) -> np.ndarray:
    """Rows of the master lane's column that have a colour."""
    return np.flatnonzero((pixels(window.timeline.master)[:, x] == rgb(color)).all(axis=1))


def wait_dry(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until the peaks of the dry mix in view are known."""
    dry, chunks = window.timeline.master.dry, window.rendering.update_plan().audible
    qtbot.waitUntil(lambda: all(dry.known(chunk.index) for chunk in chunks), timeout=LIMIT_MS)


def test_what_waits_shows_the_dry_mix_in_grey(qtbot: QtBot, song: MainWindow) -> None:
    song.transport.seek(44_100 * 30)
    master = song.timeline.master
    middle = (master.height() - 1) / 2
    wait_rendered(qtbot, song)
    wait_dry(qtbot, song)
    with engine_frozen():
        mute = song.timeline.headers.header(song.document.session.tracks[0].id).mute
        QTest.mouseClick(mute, Qt.MouseButton.LeftButton)
        wait_dry(qtbot, song)
        mix = mix_of(song).astype(np.float32)
        for samples_per_px in (20.0, 100.0, 441.0, 1000.0):
            set_zoom(song, samples_per_px)
            assert not (pixels(master) == rgb(theme.colors().mix_wave)).all(axis=2).any(), "nothing is rendered"
            size = 1 if samples_per_px < BLOCK else BLOCK
            for x in range(5, 170, 15):
                first, last = int(x * samples_per_px), int(np.ceil((x + 1) * samples_per_px))
                part = mix[first // size * size : -(-last // size) * size]
                drawn = wave_rows(song, theme.colors().mix_wave_stale, x)
                top, bottom = (middle - np.clip(value, -1, 1) * middle for value in (part.max(), part.min()))
                assert drawn[0] == pytest.approx(top, abs=1.1), (samples_per_px, x)
                assert drawn[-1] == pytest.approx(bottom, abs=1.1), (samples_per_px, x)
            line = pixels(master)[-2, 5:100]
            assert (line == rgb(theme.colors().state_stale)).all(), "its state is shown at the bottom"
    wait_rendered(qtbot, song)
    assert not (pixels(master)[-2] == rgb(theme.colors().state_stale)).all(axis=1).any()


def test_the_dry_mix_shows_behind_the_rendered_one(qtbot: QtBot, song: MainWindow) -> None:
    song.transport.seek(44_100 * 30)
    for codec, covers in (("mdct-1x", True), ("mdct-4x", False)):
        song.codecs.actions[codec].trigger()
        wait_rendered(qtbot, song)
        wait_dry(qtbot, song)
        set_zoom(song, 441.0)
        song.timeline.master.grab()
        grey = sum(len(wave_rows(song, theme.colors().mix_wave_stale, x)) for x in range(5, 300, 9))
        blue = sum(len(wave_rows(song, theme.colors().mix_wave, x)) for x in range(5, 300, 9))
        assert blue > 200
        assert (grey == 0) == covers, "noise, of which the 4x codec keeps a part only"


def test_only_what_an_edit_changed_is_computed_and_drawn(qtbot: QtBot, song: MainWindow) -> None:
    song.transport.seek(44_100 * 30)
    wait_rendered(qtbot, song)
    wait_dry(qtbot, song)
    before = pixels(song.timeline.master)
    found: list[str] = []
    song.timeline.master.dry._work.found.connect(found.append)
    first = song.document.session.tracks[2].clips[0]
    song.document.apply("Trim", lambda s: edits.trim_clip(s, first.id, 0, 20_000))
    wait_rendered(qtbot, song)
    wait_dry(qtbot, song)
    changed = [chunk.index for chunk in song.rendering.update_plan().audible if chunk.key in found]
    assert changed == [0, 1], "not the third"
    after = pixels(song.timeline.master)
    differs = np.flatnonzero((before != after).any(axis=(0, 2)))
    assert 20_000 / PX - 2 <= differs.min() <= differs.max() <= 88_200 / PX + 2


def test_wave_images_reach_the_peaks() -> None:
    columns = np.array([[-1.0, 1.0], [0.0, 0.0], [-0.5, 0.25], [0.25, 0.5]], np.float32)
    image = wave_image(columns, 101, QColor("#ffffff"), WaveLook(1.0, QColor("#ff0000")))
    shown = np.frombuffer(image.constBits(), np.uint32).reshape(101, 4) != 0
    assert [(rows[0], rows[-1]) for rows in (np.nonzero(shown[:, x])[0] for x in range(4))] == [
        (0, 100),
        (50, 50),
        (38, 75),
        (25, 37),
    ]
