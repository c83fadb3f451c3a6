"""Audio outputs: a PortAudio stream, or a silent clock when there is no usable device.

Both call `pull(out)` from their own thread; it fills `(n, 2)` float32 frames.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array
from lincae_studio.errors import AudioDeviceError
from lincae_studio.playback.ring import CHANNELS

Pull = Callable[[Array], None]

#: Block size of the silent sink, in frames.
_CLOCK_BLOCK = 1024


class Output(Struct, frozen=True):
    """The chosen output, by name, since device numbers change when a device is connected.

    Attributes:
        host: name of a PortAudio host API ("ALSA", "JACK Audio Connection Kit", ...); "" for the system default.
        device: name from PortAudio; "" for the default device of the host API.
        buffer: buffer size in frames; 0 for the device's default.
    """

    host: str = ""
    device: str = ""
    buffer: int = 0


class Sink(Protocol):
    """An audio output that runs from construction until `close`.

    Attributes:
        rate: sample rate, in Hz.
        lost: whether it has stopped by itself.
        audible: whether it plays to a device.
    """

    rate: int
    lost: bool
    audible: bool

    @property
    def name(self) -> str:
        """The name for the status bar."""
        ...

    def close(self) -> None:
        """Stop pulling."""
        ...


class DeviceSink:
    """An output device through PortAudio, at the requested rate, or at its default rate if it refuses that."""

    audible = True

    def __init__(self, pull: Pull, rate: int, output: Output | None = None) -> None:
        """Raises `AudioDeviceError` when PortAudio or the device is missing, or the device has no stereo output."""
        sounddevice = _sounddevice()
        chosen = output or Output()
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
                blocksize=chosen.buffer,
                callback=callback,
                finished_callback=finished,
            )

        try:
            device = _find(sounddevice, chosen)
            own = round(sounddevice.query_devices(device, "output")["default_samplerate"])
            try:
                self._requested = self.rate = rate
                self._stream = open_at(rate)
            except sounddevice.PortAudioError:
                if own == rate:
                    raise
                self.rate = own
                self._stream = open_at(own)
            self._stream.start()
            self._name = str(sounddevice.query_devices(self._stream.device)["name"])
        except (sounddevice.PortAudioError, ValueError) as error:
            reason = str(error).splitlines()[0]
            # Device -1 is PortAudio's name for none.
            found = "no audio output was found" if reason.endswith("-1") else f"no usable audio output ({reason})"
            raise AudioDeviceError(
                f"there is no sound: {found}",
                "Connect or enable an audio device, or choose one in Edit > Preferences, then start playback again",
            ) from error

    @property
    def name(self) -> str:
        return self._name if self.rate == self._requested else f"{self._name} at {self.rate / 1000:g} kHz"

    def close(self) -> None:
        self._closing = True
        self._stream.close(ignore_errors=True)


class SilentSink:
    """Consumes frames in real time without playing them, so that the playhead moves without a device."""

    lost = False
    audible = False

    def __init__(self, pull: Pull, rate: int) -> None:
        self.rate = rate
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
            due += _CLOCK_BLOCK / self.rate


def outputs(rescan: bool) -> dict[str, list[str]]:
    """The names of the output devices of each host API. `rescan`: find new devices; no stream may be open then.

    Raises:
        AudioDeviceError: when PortAudio is missing, or cannot be started.
    """
    sounddevice = _sounddevice()
    try:
        if rescan:  # PortAudio lists the devices when it is initialised
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
            f"cannot list the audio devices: {error}", "Check the sound settings of the system"
        ) from error


def _plays(device: dict[str, Any]) -> bool:
    return int(device["max_output_channels"]) >= CHANNELS


def _find(sounddevice: Any, chosen: Output) -> int | None:
    """The current number of the chosen device; None for the system default. Raises `ValueError` if it is missing."""
    if not chosen.host and not chosen.device:
        return None
    hosts = sounddevice.query_hostapis()
    devices = sounddevice.query_devices()
    for host in hosts:
        if chosen.host and host["name"] != chosen.host:
            continue
        if not chosen.device and host["default_output_device"] >= 0:
            return int(host["default_output_device"])
        for number in host["devices"]:
            if devices[number]["name"] == chosen.device and _plays(devices[number]):
                return int(number)
    name = chosen.device or "the default device"
    raise ValueError(f"{name} is not available" + (f" on {chosen.host}" if chosen.host else ""))


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError(
            "there is no sound: the PortAudio library is missing", "Install libportaudio2"
        ) from error
    return sounddevice
