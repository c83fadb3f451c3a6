"""What notebooks show: a player, a waveform, a heatmap, tables; bounded, escaped, and without Qt."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import wave
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.studio import display
from tests.helpers import noise, tone, write_audio

RATE = 44_100


@pytest.fixture
def song(tmp_path: Path) -> ls.Session:
    drums = write_audio(tmp_path / "drums.wav", noise(1, 3 * RATE))
    bass = write_audio(tmp_path / "bass.wav", tone(110.0, 2 * RATE))
    return ls.Session.from_files(drums, bass).set_track("bass", name="<b>&bass", gain_db=-6.0, pan=-0.3, mute=True)


def shown(value: object) -> str:
    """What a notebook shows; it must be well-formed, and load nothing."""
    found = value._repr_html_()  # type: ignore[attr-defined]
    assert isinstance(found, str)
    ElementTree.fromstring(found.replace("&emsp;", " ").replace(" controls", ' controls="controls"'))
    assert not re.search(r"<script|https?:|src=\"(?!data:)", found)
    return found


def sound_of(page: str) -> tuple[int, int, np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    [data] = re.findall(r"data:audio/wav;base64,([^\"]+)", page)
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).T
        return file.getframerate(), file.getnchannels(), samples


def test_audio_has_a_player_and_a_waveform(song: ls.Session) -> None:
    mix = song.render()
    page = shown(mix)
    rate, channels, samples = sound_of(page)
    assert (rate, channels) == (RATE, 2)
    np.testing.assert_allclose(samples / 32767.0, np.clip(mix.samples, -1.0, 1.0), atol=1e-4)
    assert page.count("<polygon") == 2, "one for each channel"
    assert "0:03.000, stereo, 44,100 Hz" in page


def test_a_player_has_the_first_minute_only() -> None:
    samples = np.zeros((1, 61 * 8000), np.float32)
    samples[:, -1] = 0.5
    page = shown(ls.Audio(samples, 8000))
    assert sound_of(page)[2].shape == (1, 60 * 8000)
    assert "The player has the first 60 s." in page
    assert len(page) < 2 * 60 * 8000 * 4 / 3 + 100_000


@pytest.mark.parametrize("count", [0, 1, 5])
def test_little_audio_is_shown(count: int) -> None:
    shown(ls.Audio(np.ones(count), 8000))


def test_the_waveform_shows_the_peaks() -> None:
    samples = np.zeros((1, 80_000), np.float32)
    samples[0, 40_000] = 1.0
    points = re.findall(r"([\d.]+),(-?[\d.]+)", display.waveform(samples).partition("points")[2])
    high = [float(x) for x, y in points if float(y) < 5.0]
    assert high == [pytest.approx(display.WIDTH / 2, abs=2.0)]


def test_latents_are_a_heatmap(song: ls.Session) -> None:
    page = shown(song.latents())
    assert page.count("data:image/png;base64,") == 2, "one for each channel"
    assert "mdct-2x: 128 channels" in page


def test_a_session_is_a_table_of_its_tracks(song: ls.Session) -> None:
    page = shown(song.group_tracks("drums", name="Rhythm"))
    assert page.count("<tr>") == 4
    assert "&lt;b&gt;&amp;bass" in page
    assert "<b>" not in page
    assert "−6.0 dB" in page
    assert "L30" in page
    assert "mute" in page
    assert page.count("<polygon") == 2
    assert "<polygon" in shown(song["drums"])


def test_a_session_is_shown_without_its_conformed_audio(song: ls.Session) -> None:
    song.engine.store.clear()
    page = shown(ls.Session.of(song.document))
    assert page.count("<rect") == 2
    assert "<polygon" not in page
    shown(ls.Session())


def test_linearity_is_a_table_with_a_line(song: ls.Session) -> None:
    page = shown(song.set_track(3, mute=False).linearity())
    assert "decoded sum against sum of decodes" in page
    assert "&lt;b&gt;&amp;bass: loss in the codec" in page
    assert "<polyline" in page
    assert "two seeds" not in page, "the decoder has no noise"


def test_an_evaluation_is_a_table_with_a_column_for_each_codec(song: ls.Session) -> None:
    page = shown(song.set_track(3, mute=False).evaluate("mdct-1x", "mdct-2x", limit=1))
    assert ">mdct-1x<" in page
    assert ">mdct-2x<" in page
    assert "encoder additivity" in page


def test_texts_say_what_a_value_is(song: ls.Session) -> None:
    assert repr(song) == "<Session 0:03.000, 2 tracks, 2 clips, mdct-2x, 44,100 Hz>"
    assert repr(song["drums"].clips[0]) == "<Clip 2 “drums” from 0:00.000 to 0:03.000>"
    assert repr(song["drums"]) == "<Track 1 “drums”: 0.0 dB, 1 clip>"
    assert repr(song.render()) == "<Audio (2, 132300), 0:03.000, 44,100 Hz>"
    assert repr(song.latents()) == "<Latents (2, 128, 517) of mdct-2x, 0:03.000>"


@pytest.mark.process
def test_nothing_loads_qt_or_torch(song: ls.Session, tmp_path: Path) -> None:
    song.save(tmp_path / "song.lincae")
    code = """
import sys
import lincae_studio as ls
song = ls.open(sys.argv[1])
drums = song["drums"]
for value in (song, drums, song.render(), song.latents(), song.linearity(), song.only("drums").evaluate(limit=1)):
    assert value._repr_html_()
print(*sorted({"PySide6", "pyqtgraph", "torch", "matplotlib"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "song.lincae")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
