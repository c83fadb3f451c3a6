"""Where the sound goes: a PortAudio stream, or a clock when there is no usable device.

Both call `pull(out)` from a thread of their own; it fills `(n, 2)` float32 frames.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.ring import CHANNELS
from lincae_studio.session.model import SESSION_RATE

Pull = Callable[[Array], None]

#: Frames the silent sink takes at a time.
_CLOCK_BLOCK = 1024


@dataclass(frozen=True)
class Output:
    """Which output is wanted: by names, since numbers change when a device is plugged in.

    Attributes:
        host: of PortAudio's host APIs ("ALSA", "JACK Audio Connection Kit", ...); "" for the system's choice.
        device: a name as PortAudio gives it; "" for the host's default.
        buffer: frames that the device takes at a time; 0 leaves it to the device.
    """

    host: str = ""
    device: str = ""
    buffer: int = 0


class Sink(Protocol):
    """An output that is running from construction to `close`.

    Attributes:
        rate: frames it takes in a second.
        lost: it has stopped by itself.
    """

    rate: int
    lost: bool

    @property
    def name(self) -> str:
        """For the status bar."""
        ...

    def close(self) -> None:
        """Stop pulling."""
        ...


class DeviceSink:
    """An output device through PortAudio, at the session rate, or at its own where it refuses that."""

    def __init__(self, pull: Pull, output: Output | None = None) -> None:
        """Raises `AudioDeviceError` when PortAudio is missing, there is no such device, or it takes no stereo."""
        sounddevice = _sounddevice()
        wanted = output or Output()
        self.lost = False
        self._closing = False

        def callback(out: Array, _frames: int, _time: Any, _status: Any) -> None:
            pull(out)

        def finished() -> None:
            self.lost = not self._closing

        def open_at(rate: int) -> Any:
            return sounddevice.OutputStream(
                samplerate=rate,
                device=device,
                channels=CHANNELS,
                dtype="float32",
                latency="high",
                blocksize=wanted.buffer,
                callback=callback,
                finished_callback=finished,
            )

        try:
            device = _find(sounddevice, wanted)
            own = round(sounddevice.query_devices(device, "output")["default_samplerate"])
            try:
                self.rate = SESSION_RATE
                self._stream = open_at(SESSION_RATE)
            except sounddevice.PortAudioError:
                if own == SESSION_RATE:
                    raise
                self.rate = own
                self._stream = open_at(own)
            self._stream.start()
            self._name = str(sounddevice.query_devices(self._stream.device)["name"])
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioDeviceError(
                f"there is no sound: no usable audio output ({str(error).splitlines()[0]})",
                "Connect or enable an audio device, or choose one in Edit > Preferences, then press play again",
            ) from error

    @property
    def name(self) -> str:
        return self._name if self.rate == SESSION_RATE else f"{self._name} at {self.rate / 1000:g} kHz"

    def close(self) -> None:
        self._closing = True
        self._stream.close(ignore_errors=True)


class SilentSink:
    """Consumes frames in real time and plays none, so that the playhead moves without a device."""

    rate = SESSION_RATE
    lost = False

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


def outputs(anew: bool) -> dict[str, list[str]]:
    """The output devices of each host API, by name. `anew`: also new ones; no stream may be open then.

    Raises:
        AudioDeviceError: when PortAudio is missing, or cannot be started.
    """
    sounddevice = _sounddevice()
    try:
        if anew:  # PortAudio takes its list when it is started
            sounddevice._terminate()
            sounddevice._initialize()
        devices = sounddevice.query_devices()
        found = {}
        for host in sounddevice.query_hostapis():
            names = [devices[number]["name"] for number in host["devices"]]
            playing = [name for name, number in zip(names, host["devices"], strict=True) if _plays(devices[number])]
            if playing:
                found[str(host["name"])] = playing
        return found
    except sounddevice.PortAudioError as error:
        raise AudioDeviceError(
            f"audio devices cannot be listed: {error}", "Check the system's sound settings"
        ) from error


def _plays(device: dict[str, Any]) -> bool:
    return int(device["max_output_channels"]) >= CHANNELS


def _find(sounddevice: Any, wanted: Output) -> int | None:
    """The number of the wanted device today; None for the system's default. Raises `ValueError` without one."""
    if not wanted.host and not wanted.device:
        return None
    hosts = sounddevice.query_hostapis()
    devices = sounddevice.query_devices()
    for host in hosts:
        if wanted.host and host["name"] != wanted.host:
            continue
        if not wanted.device and host["default_output_device"] >= 0:
            return int(host["default_output_device"])
        for number in host["devices"]:
            if devices[number]["name"] == wanted.device and _plays(devices[number]):
                return int(number)
    named = wanted.device or "a default device"
    raise ValueError(f"{named} of {wanted.host or 'any host'} is not there")


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError(
            "there is no sound: the PortAudio library is missing", "Install libportaudio2"
        ) from error
    return sounddevice
