"""The player: its output sample by sample, through a sink driven by the test and through real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs.base import Array
from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.player import BLOCK, GRAIN, Player
from lincae_studio.playback.sinks import DeviceSink, Pull, SilentSink
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import REPOSITORY, eventually, noise, tone

#: Frames that the player keeps ready.
BUFFER = 6 * BLOCK


class Samples:
    """A mix of known samples `(channels, N)`; `starts`: where it was read."""

    def __init__(self, samples: Array, rate: int = DEFAULT_RATE) -> None:
        self.samples = samples
        self.rate = rate
        self.starts: list[int] = []

    @property
    def length(self) -> int:
        return self.samples.shape[1]

    def read(self, start: int, count: int) -> Array:
        self.starts.append(start)
        out = np.zeros((len(self.samples), count), np.float32)
        part = self.samples[:, start : start + count]
        out[:, : part.shape[1]] = part
        return out


class Broken(Samples):
    """A mix whose reading fails from a sample on."""

    def read(self, start: int, count: int) -> Array:
        if start >= 3 * BLOCK:
            raise RuntimeError("the disk is gone")
        return super().read(start, count)


class SteppedSink:
    """A sink whose clock is the test: it pulls on request, and keeps the result."""

    audible = True

    def __init__(self, pull: Pull, rate: int = DEFAULT_RATE) -> None:
        self._pull = pull
        self.rate = rate
        self.lost = False
        self.closed = False
        self.heard = np.zeros((0, 2), np.float32)

    @property
    def name(self) -> str:
        return "stepped"

    def close(self) -> None:
        self.closed = True

    def take(self, count: int) -> Array:
        block = np.full((count, 2), np.nan, np.float32)
        self._pull(block)
        self.heard = np.concatenate([self.heard, block])
        return block


class SilentSteppedSink(SteppedSink):
    """The same, standing for the clock that replaces a missing device."""

    audible = False


class Stage:
    """A player with a stepped sink, whether it reported its end, and the sinks it reported as lost."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.sinks: list[SteppedSink] = []
        self.rate: int = DEFAULT_RATE
        self.lost: list[str] = []
        self.player = Player(self.ended.set, (self._open,), self.lost.append)

    def _open(self, pull: Pull, _rate: int) -> SteppedSink:
        self.sinks.append(SteppedSink(pull, self.rate))
        return self.sinks[-1]

    @property
    def sink(self) -> SteppedSink:
        return self.sinks[-1]

    def play(self, source: Samples, start: int) -> None:
        self.player.set_source(source)
        assert self.player.play(start) is None
        self.wait_full(source.length - start)

    def wait_full(self, left: int = BUFFER) -> None:
        """Wait until the feeder has nothing to do."""
        full = BUFFER - BLOCK + 1 if self.rate >= DEFAULT_RATE else BUFFER // 2  # a resampler needs more room
        eventually(lambda: self.player.ready >= min(left, full))

    def take_all(self, count: int) -> Array:
        """Pull as a device does, the feeder keeping up."""
        blocks = []
        while count > 0:
            self.wait_full(part := min(count, 512))
            blocks.append(self.sink.take(part))
            count -= part
        return np.concatenate(blocks)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.player.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "audio-feeder"]


STEREO = Samples(noise(1, 40_000, channels=2).T.copy())
OTHER = Samples(noise(2, 40_000, channels=2).T.copy())
MONO = Samples(noise(3, 40_000).T.copy())


def test_it_plays_the_source_sample_by_sample(stage: Stage) -> None:
    stage.play(STEREO, 5_000)
    assert stage.player.position == 5_000
    assert stage.player.output_name == "stepped"
    np.testing.assert_array_equal(stage.take_all(20_000), STEREO.samples[:, 5_000:25_000].T)
    assert stage.player.position == 25_000
    assert stage.player.playing
    assert stage.player.dropped_frames == 0


def test_a_mono_mix_is_heard_on_both_sides(stage: Stage) -> None:
    stage.play(MONO, 0)
    heard = stage.take_all(8_000)
    np.testing.assert_array_equal(heard[:, 0], MONO.samples[0, :8_000])
    np.testing.assert_array_equal(heard[:, 1], MONO.samples[0, :8_000])


def test_stop_keeps_the_position_that_was_heard(stage: Stage) -> None:
    stage.play(STEREO, 1_000)
    stage.take_all(3_333)
    stage.player.stop()
    assert not stage.player.playing
    assert stage.player.position == 4_333, "not the position read ahead"
    assert stage.sink.closed
    assert stage.player.output_name is None
    stage.player.play()
    stage.wait_full()
    np.testing.assert_array_equal(stage.take_all(1_000), STEREO.samples[:, 4_333:5_333].T)
    assert not stage.ended.is_set()


def test_seeking_while_stopped_and_while_playing(stage: Stage) -> None:
    stage.player.seek(7_000)
    assert stage.player.position == 7_000
    source = Samples(STEREO.samples)
    stage.player.set_source(source)
    stage.player.play()
    stage.wait_full()
    np.testing.assert_array_equal(stage.take_all(1_000), STEREO.samples[:, 7_000:8_000].T)
    stage.player.seek(30_000)
    assert stage.player.position == 30_000, "at once"
    eventually(lambda: 30_000 in source.starts)
    stage.wait_full()
    np.testing.assert_array_equal(stage.take_all(5_000), STEREO.samples[:, 30_000:35_000].T)
    assert stage.player.position == 35_000
    stage.player.seek(-5)
    assert stage.player.position == 0
    assert stage.player.dropped_frames == 0


def looped(start: int, loop: tuple[int, int], count: int) -> Array:
    """The samples of STEREO from `start` on, going round in a loop."""
    places, at = [], start
    for _ in range(count):
        places.append(at)
        at = loop[0] if at + 1 == loop[1] else at + 1
    return STEREO.samples[:, places].T


@pytest.mark.parametrize(
    ("loop", "lead"),
    [((5_000, 8_000), 300), ((4_000, 4_441), 300), ((5_000, 5_000 + 3 * BLOCK), 0), ((5_000, 5_000 + BLOCK), 0)],
    ids=str,
)
def test_a_loop_goes_round_without_a_gap(stage: Stage, loop: tuple[int, int], lead: int) -> None:
    """Also where it ends with a block."""
    start = loop[0] - lead
    stage.player.set_loop(loop)
    stage.play(STEREO, start)
    positions = []
    heard = []
    for _ in range(40):
        heard.append(stage.take_all(300))
        positions.append(stage.player.position)
    np.testing.assert_array_equal(np.concatenate(heard), looped(start, loop, 12_000))
    length = loop[1] - loop[0]
    assert positions == [loop[0] + (300 * n - lead) % length for n in range(1, 41)]
    assert stage.player.dropped_frames == 0


def test_a_loop_that_is_turned_off_is_left_and_one_behind_is_not_entered(stage: Stage) -> None:
    stage.player.set_loop((1_000, 4_000))
    stage.play(STEREO, 6_000)
    np.testing.assert_array_equal(stage.take_all(5_000), STEREO.samples[:, 6_000:11_000].T)
    stage.player.set_loop((10_000, 30_000))
    stage.player.set_loop(None)
    stage.take_all(25_000)
    assert stage.player.position == 36_000


def test_a_loop_beyond_the_end_plays_silence_there(stage: Stage) -> None:
    stage.player.set_loop((39_000, 42_000))
    stage.play(STEREO, 39_000)
    stage.wait_full()
    blocks = []
    for _ in range(12):
        stage.wait_full()
        blocks.append(stage.sink.take(500))
    heard = np.concatenate(blocks)
    np.testing.assert_array_equal(heard[:1_000], STEREO.samples[:, 39_000:].T)
    assert not heard[1_000:3_000].any()
    np.testing.assert_array_equal(heard[3_000:4_000], heard[:1_000])
    assert stage.player.playing


def test_playback_ends_with_the_mix_and_reports_it(stage: Stage) -> None:
    stage.play(STEREO, 36_000)
    np.testing.assert_array_equal(stage.take_all(4_000), STEREO.samples[:, 36_000:].T)
    stage.sink.take(2 * BLOCK)
    assert stage.ended.wait(10.0)
    assert not stage.sink.heard[4_000:].any(), "silence after the end"
    assert not stage.player.playing
    assert stage.player.position == 40_000
    assert stage.player.dropped_frames == 0


def test_playback_is_over_when_its_end_is_reported(stage: Stage) -> None:
    """The window asks while the end is being reported, when the feeder thread is still alive."""
    seen: list[bool] = []
    player = Player(lambda: seen.append(player.playing), (SilentSink,))
    player.set_source(Samples(np.zeros((1, 0), np.float32)))
    player.play(0)
    eventually(lambda: seen)
    player.stop()
    assert seen == [False]


def test_another_source_fades_in_within_one_block(stage: Stage) -> None:
    stage.play(STEREO, 0)
    stage.take_all(BLOCK)
    stage.wait_full()
    at = len(stage.sink.heard) + stage.player.ready
    stage.player.set_source(OTHER)
    heard = stage.take_all(20_000)
    np.testing.assert_array_equal(heard[: at - BLOCK], STEREO.samples[:, BLOCK:at].T)
    np.testing.assert_array_equal(heard[at:], OTHER.samples[:, at + BLOCK : 20_000 + BLOCK].T)
    rise = np.linspace(0.0, 1.0, BLOCK)
    old, new = STEREO.samples[:, at : at + BLOCK], OTHER.samples[:, at : at + BLOCK]
    np.testing.assert_allclose(heard[at - BLOCK : at].T, old + (new - old) * rise, atol=1e-6)


@pytest.mark.parametrize(("before", "after"), [(MONO, STEREO), (STEREO, MONO)])
def test_a_mix_may_change_between_mono_and_stereo(stage: Stage, before: Samples, after: Samples) -> None:
    stage.play(before, 0)
    stage.player.set_source(after)
    heard = stage.take_all(20_000)
    np.testing.assert_array_equal(heard[10_000:].T, np.broadcast_to(after.samples[:, 10_000:20_000], (2, 10_000)))


def test_dropouts_count_the_frames_that_were_missing(stage: Stage) -> None:
    stage.play(STEREO, 0)
    ready = stage.player.ready
    assert ready == BUFFER
    stage.sink.take(ready + 100)
    assert stage.player.dropped_frames == 100
    assert not stage.sink.heard[ready:].any()
    stage.wait_full()
    stage.sink.take(500)
    assert stage.player.dropped_frames == 100


def test_dropouts_are_counted_once_each(stage: Stage) -> None:
    stage.play(STEREO, 0)
    stage.sink.take(BUFFER + 10)
    stage.wait_full()
    stage.take_all(100)
    stage.sink.take(stage.player.ready + 10)
    assert stage.player.dropouts >= 1
    assert stage.player.dropouts <= 2
    assert stage.player.dropped_frames == 20


def test_dropouts_that_nobody_hears_do_not_count(stage: Stage) -> None:
    stage.play(STEREO, 0)
    stage.sink.take(stage.player.ready + 10)
    assert stage.player.heard_dropouts == 1
    stage.player.forget_dropouts()
    stage.player.stop()
    stage.player.sinks = (SilentSteppedSink,)
    stage.player.play(0)
    sink = stage.player._sink
    assert isinstance(sink, SilentSteppedSink)
    eventually(lambda: stage.player.ready == BUFFER)
    sink.take(stage.player.ready + 10)
    assert stage.player.dropouts == 2
    assert stage.player.heard_dropouts == 0


# Other rates, levels, scrubbing, lost devices


@pytest.mark.parametrize("rate", [48_000, 96_000, 22_050])
def test_a_device_of_another_rate_gets_converted_sound(stage: Stage, rate: int) -> None:
    seconds = 0.6
    source = Samples(tone(441.0, 44_100, level=0.5).T.copy())
    stage.rate = rate
    stage.play(source, 0)
    heard = stage.take_all(round(seconds * rate))[:, 0]
    late = int(np.argmax(np.abs(heard) > 0.01))
    times = (np.arange(len(heard)) - late) / rate
    assert np.abs(heard).max() == pytest.approx(0.5, rel=0.02)
    spectrum = np.abs(np.fft.rfft(heard[rate // 10 :] * np.hanning(len(heard) - rate // 10)))
    peak_hz = np.argmax(spectrum) * rate / (len(heard) - rate // 10)
    assert peak_hz == pytest.approx(441.0, abs=3.0)
    assert late < rate // 50, "a converter keeps a little back"
    assert stage.player.position == pytest.approx(seconds * 44_100, abs=2 * BLOCK)
    assert times[-1] > 0.5
    assert stage.player.dropped_frames == 0


def test_seeking_and_loops_at_another_rate(stage: Stage) -> None:
    stage.rate = 48_000
    stage.player.set_loop((0, 11_025))
    stage.play(STEREO, 0)
    stage.take_all(round(0.6 * 48_000))
    assert stage.player.position == pytest.approx((0.6 * 44_100) % 11_025, abs=2 * BLOCK)
    stage.player.set_loop(None)
    stage.player.seek(30_000)
    eventually(lambda: 30_000 <= stage.player.position < 31_000 + BLOCK)


def test_no_old_audio_is_heard_after_a_seek_at_another_rate(stage: Stage) -> None:
    stage.rate = 48_000
    samples = np.zeros((2, 60_000), np.float32)
    samples[:, :30_000] = 0.5
    source = Samples(samples)
    stage.play(source, 0)
    stage.take_all(4000)
    stage.player.seek(30_000)
    eventually(lambda: 30_000 in source.starts)
    assert not stage.take_all(2000).any(), "a converter keeps frames back: they belong to another place"


def test_the_monitoring_level_changes_without_clicks(stage: Stage) -> None:
    stage.player.level = 0.25
    source = Samples(np.ones((2, 40_000), np.float32))
    stage.play(source, 0)
    heard = stage.take_all(BUFFER)
    np.testing.assert_allclose(heard[BLOCK:], 0.25)
    stage.player.level = 1.0
    heard = stage.take_all(2 * BUFFER)[:, 0]
    assert heard[-1] == 1.0
    assert np.abs(np.diff(heard)).max() < 0.002
    stage.player.level = 1.0
    assert source.samples.max() == 1.0


def test_scrubbing_plays_a_grain_at_each_position(stage: Stage) -> None:
    stage.player.set_source(STEREO)
    assert stage.player.play(5000, scrub=True) is None
    eventually(lambda: stage.player.ready == GRAIN)
    heard = stage.sink.take(GRAIN + 500)
    middle = slice(BLOCK, GRAIN - BLOCK)
    np.testing.assert_array_equal(heard[middle], STEREO.samples.T[5000 + BLOCK : 5000 + GRAIN - BLOCK])
    assert abs(heard[0]).max() == 0.0
    assert abs(heard[GRAIN - 1]).max() < 0.01
    assert not heard[GRAIN:].any()
    assert stage.player.dropped_frames == 0, "silence between grains is none"
    stage.player.seek(20_000)
    eventually(lambda: stage.player.ready == GRAIN)
    heard = stage.sink.take(GRAIN)
    np.testing.assert_array_equal(heard[middle], STEREO.samples.T[20_000 + BLOCK : 20_000 + GRAIN - BLOCK])
    assert not stage.ended.is_set()
    stage.player.seek(39_900)  # near the end: what there is
    eventually(lambda: stage.player.ready == GRAIN)
    stage.player.stop()


def test_a_lost_device_is_replaced_and_playback_continues(stage: Stage) -> None:
    stage.play(STEREO, 0)
    stage.take_all(3000)
    first = stage.sink
    before = stage.player.position
    first.lost = True
    eventually(lambda: len(stage.sinks) == 2)
    assert stage.lost == ["stepped"]
    assert first.closed
    assert stage.player.playing
    assert stage.player.position == before
    heard = stage.take_all(2000)
    np.testing.assert_array_equal(heard, STEREO.samples.T[before : before + 2000])


def test_a_source_that_fails_ends_playing(stage: Stage) -> None:
    stage.player.set_source(Broken(STEREO.samples))
    stage.player.play(0)
    assert stage.ended.wait(10.0)
    assert not stage.player.playing
    assert str(stage.player.failure) == "the disk is gone"
    stage.player.stop()
    stage.player.set_source(STEREO)
    stage.player.play(0)
    assert stage.player.failure is None
    stage.wait_full()
    np.testing.assert_array_equal(stage.take_all(BLOCK), STEREO.samples[:, :BLOCK].T)


def test_the_silent_sink_keeps_time(stage: Stage) -> None:
    ended = threading.Event()
    player = Player(ended.set, (SilentSink,))
    player.set_source(Samples(STEREO.samples[:, :13_230]))  # 0.3 s
    assert player.play(0) is None
    assert player.output_name == "no audio device"
    eventually(lambda: player.position > 0)
    assert ended.wait(10.0)
    player.stop()
    assert player.position == 13_230


def test_without_a_device_the_playhead_moves_and_the_reason_is_returned() -> None:
    def no_device(_pull: Pull, _rate: int) -> SilentSink:
        raise AudioDeviceError("there is no sound: no usable audio output", "Connect one")

    ended = threading.Event()
    sinks: tuple[Callable[[Pull, int], SilentSink], ...] = (no_device, SilentSink)
    player = Player(ended.set, sinks)
    player.set_source(Samples(STEREO.samples[:, :4_000]))
    problem = player.play(0)
    assert isinstance(problem, AudioDeviceError)
    assert ended.wait(10.0)
    player.stop()


DEVICE_PROGRAM = textwrap.dedent(
    """
    import sys, threading
    import numpy as np
    from lincae_studio.playback.player import Player
    from tests.playback.test_player import Samples

    ended = threading.Event()
    player = Player(ended.set)
    player.set_source(Samples(np.zeros((2, 22_050), np.float32)))
    problem = player.play(2_050)
    print(type(problem).__name__, flush=True)
    print(player.output_name)
    print(ended.wait(20))
    player.stop()
    print(player.position)
    """
)


def _play_with(alsa: Path, config: str) -> tuple[list[str], str]:
    """Play half a second through PortAudio in a process with its own ALSA configuration."""
    alsa.write_text(config)
    environment = {**os.environ, "ALSA_CONFIG_PATH": str(alsa), "HOME": str(alsa.parent)}
    environment["PYTHONPATH"] = str(REPOSITORY)
    run = subprocess.run(
        [sys.executable, "-c", DEVICE_PROGRAM], env=environment, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split("\n")[:-1], run.stderr


needs_alsa = pytest.mark.skipif(
    not Path("/usr/share/alsa/alsa.conf").is_file(), reason="plays through ALSA's null device"
)


@needs_alsa
def test_a_real_stream_plays_to_the_end(tmp_path: Path) -> None:
    lines, _ = _play_with(
        tmp_path / "alsa.conf", "pcm.null { type null }\npcm.!default { type null }\nctl.!default { type hw card 0 }\n"
    )
    assert lines[0] == "NoneType"
    assert lines[1] != "no audio device"
    assert lines[2:] == ["True", "22050"]


@needs_alsa
@pytest.mark.skipif(any(Path("/proc/asound").glob("card*")), reason="this machine has a sound card")
def test_without_any_device_it_plays_silently(tmp_path: Path) -> None:
    no_card = "pcm.!default { type hw card 31 }\nctl.!default { type hw card 31 }\n"
    lines, _ = _play_with(tmp_path / "alsa.conf", no_card)
    assert lines[:2] == ["AudioDeviceError", "no audio device"]
    assert lines[2:] == ["True", "22050"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Error querying device -1", r"no audio output was found\W.*start playback again"),
        (
            "Error opening OutputStream: Device unavailable",
            r"no usable audio output \(Error opening .*start playback again",
        ),
    ],
)
def test_the_device_sink_reports_the_problem_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, reason: str, said: str
) -> None:
    import sounddevice

    def refuse(*_arguments: object, **_options: object) -> None:
        raise sounddevice.PortAudioError(reason)

    monkeypatch.setattr(sounddevice, "OutputStream", refuse)
    monkeypatch.setattr(sounddevice, "query_devices", refuse)
    with pytest.raises(AudioDeviceError, match=said):
        DeviceSink(lambda out: None, DEFAULT_RATE)
