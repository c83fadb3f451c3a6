"""The player: plays a mix through an audio output (sink).

A feeder thread reads the mix block by block into a ring buffer, from which the sink's callback copies. When the source
changes (after an edit, or when a render arrives) the next block crossfades from the old one to the new one, so that
there are no clicks. Blocks are resampled for sinks with another rate. A sink that stops by itself is replaced, and
playback continues.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import soxr

from lincae_studio.codecs.base import Array
from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.ring import CHANNELS, RingBuffer
from lincae_studio.playback.sinks import DeviceSink, Pull, SilentSink, Sink

_log = logging.getLogger(__name__)

BLOCK = 1024

#: About 140 ms: the latency of edits, and the tolerated delay of the feeder.
_BUFFER = 6 * BLOCK

_WAIT_S = 0.01

#: Resampling delays frames and returns them later: a block may become this many frames longer.
_RESAMPLER_DELAY = 2 * BLOCK

#: Length of a grain (what is played at each position while scrubbing) and of its fades, in samples.
GRAIN = 4 * BLOCK
_GRAIN_FADE = BLOCK // 4


class MixSource(Protocol):
    """A source to play: samples `(channels, n)`, their rate in Hz, and the length at which playback ends."""

    @property
    def rate(self) -> int: ...

    @property
    def length(self) -> int: ...

    def read(self, start: int, count: int) -> Array: ...


class Player:
    """Play, stop, seek. Methods are called from one thread (the window's); `on_end` and `on_lost` from the feeder's.

    Attributes:
        dropped_frames: frames that the sink requested during playback but did not get; `dropouts`: number of gaps;
            `heard_dropouts`: those of a device since the last call of `forget_dropouts`.
        failure: the exception of the source, if one ended playback.
        level: monitoring gain; it does not affect the mix or exports.
    """

    def __init__(
        self,
        on_end: Callable[[], None],
        sinks: Sequence[Callable[[Pull, int], Sink]] = (DeviceSink, SilentSink),
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`sinks` open an output at a rate in Hz. They are tried in order when playback starts; the last must not fail.

        `on_lost` is called with the name of a sink that stopped by itself.
        """
        self._on_end = on_end
        self._on_lost = on_lost
        self.sinks = sinks
        self.level = 1.0
        self._level_before = 1.0
        #: Remaining samples of the current grain; None when not scrubbing.
        self._grain: int | None = None
        self._converter: soxr.ResampleStream | None = None
        self._ring = RingBuffer(_BUFFER)
        self._source: MixSource | None = None
        #: The rate of the source when playback started, in Hz.
        self._rate = 0
        self._sink: Sink | None = None
        self._feeder: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._seek_to: int | None = None
        self._loop: tuple[int, int] | None = None
        #: (frame counter, timeline sample) of the start of each run of consecutive samples in the ring buffer.
        self._runs: deque[tuple[int, int]] = deque()
        self._position = 0
        self._primed = False
        self._ended = False
        self._scrubbing = False
        self.dropped_frames = 0
        self.dropouts = 0
        self.heard_dropouts = 0
        self._in_gap = self._audible = False
        self.failure: Exception | None = None

    @property
    def playing(self) -> bool:
        # The feeder thread being alive is not enough: it still is while it calls `on_end`.
        return self._feeder is not None and not self._ended

    @property
    def position(self) -> int:
        """The timeline sample that is being heard, or where playback will start."""
        with self._lock:
            if not self._runs or self._seek_to is not None:
                return self._position if self._seek_to is None else self._seek_to
            consumed = self._ring.consumed
            while len(self._runs) > 1 and self._runs[1][0] <= consumed:
                self._runs.popleft()
            counter, sample = self._runs[0]
            return sample + round(max(0, consumed - counter) / self._ratio)

    @property
    def ready(self) -> int:
        """Frames that the sink can be given now."""
        return self._ring.ready

    @property
    def output_name(self) -> str | None:
        """The name of the audio output, during playback."""
        return self._sink.name if self._sink is not None else None

    @property
    def _room(self) -> int:
        """Space in the ring buffer that a block may need, in frames."""
        return round(BLOCK * self._ratio) + (_RESAMPLER_DELAY if self._converter is not None else 0)

    @property
    def _ratio(self) -> float:
        """Frames of the sink per frame of the session."""
        return self._sink.rate / self._rate if self._sink is not None else 1.0

    def set_source(self, source: MixSource) -> None:
        """Set the source to play from the next block on. Stops playback if its rate differs."""
        if self._feeder is not None and source.rate != self._rate:
            self.stop()
        self._source = source

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Loop over samples `[start, end)` from the next block on, once playback is before the end of the loop."""
        self._loop = loop

    def play(self, start: int | None = None, scrub: bool = False) -> AudioDeviceError | None:
        """Start playback at `start`, or where it stopped; `scrub`: play only a grain there and after each `seek`.

        Returns the error when no device could be opened and the playhead moves without sound.
        """
        self.stop()
        if start is not None:
            self._position = start
        problem: AudioDeviceError | None = None
        self._runs.clear()
        self._primed = self._ended = self._in_gap = False
        self._grain = GRAIN if scrub else None
        self._scrubbing = scrub
        self._level_before = self.level
        self.failure = None
        self._stopping.clear()
        self._ring = RingBuffer(_BUFFER)
        assert self._source is not None, "there is nothing to play"
        self._rate = self._source.rate
        for open_sink in self.sinks:
            try:
                self._use(open_sink(self._pull, self._rate))
                break
            except AudioDeviceError as error:
                _log.warning("%s", error)
                problem = error
        self._feeder = threading.Thread(target=self._run_feeder, name="audio-feeder", daemon=True)
        self._feeder.start()
        return problem

    def stop(self) -> None:
        """Stop; the position stays where playback stopped."""
        position = self.position
        self._stopping.set()
        if self._feeder is not None:
            self._feeder.join()
            self._feeder = None
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        with self._lock:
            self._runs.clear()
            self._seek_to = None
            self._position = position

    def seek(self, sample: int) -> None:
        """Move to a timeline sample, during playback or not."""
        with self._lock:
            if self.playing:
                self._seek_to = max(0, sample)
            else:
                self._position = max(0, sample)

    def forget_dropouts(self) -> None:
        """Count heard dropouts from 0 again."""
        self.heard_dropouts = 0

    def _pull(self, out: Array) -> None:
        """Audio callback: copy and count, nothing else."""
        missing = len(out) - self._ring.read_into(out)
        late = bool(missing) and self._primed
        if late:
            self.dropped_frames += missing
            self.dropouts += not self._in_gap
            self.heard_dropouts += self._audible and not self._in_gap
        self._in_gap = late

    def _use(self, sink: Sink) -> None:
        """Play through a sink, resampling to its rate."""
        self._sink, self._audible = sink, sink.audible
        if sink.rate > self._rate:
            self._ring = RingBuffer(round(_BUFFER * sink.rate / self._rate) + _RESAMPLER_DELAY)
        self._converter = None
        if sink.rate != self._rate:
            self._converter = soxr.ResampleStream(self._rate, sink.rate, CHANNELS, dtype="float32", quality="HQ")

    def _replace_lost(self, lost: Sink) -> None:
        """Feeder: continue with the last sink, which does not fail."""
        lost.close()
        position = self.position
        with self._lock:
            self._ring.discard()
            self._runs.clear()
            self._runs.append((self._ring.written, position))
            self._position = position
        self._use(self.sinks[-1](self._pull, self._rate))
        self._on_lost(lost.name)

    def _write(self, frames: Array) -> None:
        """Feeder: write `(n, 2)` frames of the session to the ring buffer, at the monitoring level and sink's rate."""
        level, before = self.level, self._level_before
        if level != 1.0 or before != 1.0:
            frames = frames * np.linspace(before, level, len(frames), dtype=np.float32)[:, None]
            self._level_before = level
        if self._converter is not None:
            frames = self._converter.resample_chunk(np.ascontiguousarray(frames))
        self._ring.write(frames)

    def _write_block(
        self, previous: MixSource | None, source: MixSource, position: int, loop: tuple[int, int] | None
    ) -> int:
        """Write the next block to the ring buffer. Returns the position after it."""
        counter, pieces = float(self._ring.written), _pieces(position, loop)
        self._write(_block(previous, source, pieces))
        for start, count in pieces:
            if start != position:
                self._jump(round(counter), start)
            counter, position = counter + count * self._ratio, start + count
        if loop is None or position < loop[1]:
            return position
        self._jump(round(counter), loop[0])
        return loop[0]

    def _write_grain(self, source: MixSource, position: int, left: int) -> int:
        """Write the next block of a grain with `left` samples remaining. Returns the position after it."""
        frames = _read(source, [(position, BLOCK)]).T.copy()
        rise = np.linspace(0.0, 1.0, _GRAIN_FADE, dtype=np.float32)[:, None]
        if left == GRAIN:
            frames[:_GRAIN_FADE] *= rise
        if left == BLOCK:
            frames[-_GRAIN_FADE:] *= rise[::-1]
        self._write(frames)
        self._grain = left - BLOCK
        return position + BLOCK

    def _jump(self, counter: int, sample: int) -> None:
        """Record that the timeline continues at `sample` from this frame of the ring buffer on."""
        with self._lock:
            self._runs.append((counter, sample))

    def _run_feeder(self) -> None:
        """Feeder thread: any error of a source ends playback and is reported."""
        try:
            self._feed()
        except Exception as error:
            _log.exception("playback stopped")
            self.failure = error
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._on_end()

    def _feed(self) -> None:
        position = self._position
        ring = self._ring
        with self._lock:
            self._runs.append((0, position))
        previous: MixSource | None = None
        while not self._stopping.is_set():
            with self._lock:
                if self._seek_to is not None:
                    position, self._seek_to = self._seek_to, None
                    ring.discard()
                    self._runs.clear()
                    self._runs.append((ring.written, position))
                    self._grain = GRAIN if self._scrubbing else None
                    if self._converter is not None:
                        self._converter.clear()
            sink = self._sink
            if sink is not None and sink.lost:
                self._replace_lost(sink)
                position = self._position
                previous = None
                continue
            source, loop = self._source, self._loop
            looping = loop is not None and position < loop[1]
            ended = source is None or (position >= source.length and not looping)
            if ended:
                self._primed = False
                if ring.consumed >= ring.written and not self._scrubbing:
                    break
            if self._grain == 0:
                self._primed = False
            if (ended and not self._scrubbing) or self._grain == 0 or ring.free < self._room:
                self._stopping.wait(_WAIT_S)
                continue
            assert source is not None
            if self._grain is not None:
                position = self._write_grain(source, position, self._grain)
                continue
            position = self._write_block(previous, source, position, loop if looping else None)
            self._primed = True
            previous = source
        else:
            return
        with self._lock:
            self._runs.clear()
            self._position = position if source is None else min(position, source.length)
        self._end()


def _pieces(position: int, loop: tuple[int, int] | None) -> list[tuple[int, int]]:
    """The (start, count) ranges of samples in the next block; several where a loop restarts within it."""
    pieces = []
    missing = BLOCK
    while missing:
        count = missing if loop is None else min(missing, loop[1] - position)
        pieces.append((position, count))
        missing -= count
        position += count
        if loop is not None and position == loop[1]:
            position = loop[0]
    return pieces


def _block(previous: MixSource | None, source: MixSource, pieces: Sequence[tuple[int, int]]) -> Array:
    """The next `(BLOCK, 2)` frames, crossfaded from the previous source if the source has changed."""
    frames = _read(source, pieces)
    if previous is None or previous is source:
        return frames.T
    old = _read(previous, pieces)
    rise = np.linspace(0.0, 1.0, BLOCK, dtype=np.float32)
    return (old + (frames - old) * rise).T


def _read(source: MixSource, pieces: Sequence[tuple[int, int]]) -> Array:
    """`(2, BLOCK)` samples, mono copied to both sides."""
    samples = np.concatenate([source.read(start, count) for start, count in pieces], axis=1)
    return np.broadcast_to(samples, (CHANNELS, BLOCK)) if len(samples) == 1 else samples
