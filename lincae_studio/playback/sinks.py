"""Where the sound goes: a PortAudio stream, or a clock when there is no usable device.

Both call `pull(out)` from a thread of their own; it fills `(n, 2)` float32 frames.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.ring import CHANNELS
from lincae_studio.session.model import SESSION_RATE

Pull = Callable[[Array], None]

#: Frames the silent sink takes at a time.
_CLOCK_BLOCK = 1024


class Sink(Protocol):
    """An output that is running from construction to `close`."""

    @property
    def name(self) -> str:
        """For the status bar."""
        ...

    def close(self) -> None:
        """Stop pulling."""
        ...


class DeviceSink:
    """The default output device through PortAudio, at the session rate."""

    def __init__(self, pull: Pull) -> None:
        """Raises `AudioDeviceError` when PortAudio is missing or no device takes 44.1 kHz stereo."""
        try:
            import sounddevice
        except OSError as error:
            raise AudioDeviceError(
                "there is no sound: the PortAudio library is missing", "Install libportaudio2"
            ) from error

        def callback(out: Array, _frames: int, _time: Any, _status: Any) -> None:
            pull(out)

        try:
            self._stream = sounddevice.OutputStream(
                samplerate=SESSION_RATE, channels=CHANNELS, dtype="float32", latency="high", callback=callback
            )
            self._stream.start()
            self._name = str(sounddevice.query_devices(self._stream.device)["name"])
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioDeviceError(
                f"there is no sound: no usable audio output ({str(error).splitlines()[0]})",
                "Connect or enable an audio device, then press play again",
            ) from error

    @property
    def name(self) -> str:
        return self._name

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


class SilentSink:
    """Consumes frames in real time and plays none, so that the playhead moves without a device."""

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="silent-sink", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return "no audio device"

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        block = np.zeros((_CLOCK_BLOCK, CHANNELS), np.float32)
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._pull(block)
            due += _CLOCK_BLOCK / SESSION_RATE
