"""A real stream at the pace of a test.

ALSA's file plugin has no clock: it takes frames as fast as they come. The callback therefore waits for the feeder,
which a real device's would not have to, and for the test, so that an edit is made at the same place on any machine.
"""

from __future__ import annotations

import math
import threading

import sounddevice

from lincae_studio.codecs.base import Array
from lincae_studio.playback.player import Player
from lincae_studio.playback.sinks import DeviceSink, Pull
from tests.helpers import eventually

_LIMIT_S = 60.0


class Pace:
    """Opens the output of a player, and says how many frames it may take.

    Attributes:
        holding: whether the device waits until it may take more.
    """

    def __init__(self) -> None:
        self.player: Player | None = None
        self.holding = False
        self._changed = threading.Condition()
        self._allowed = 0.0
        self._taken = 0
        self._aborted = False

    def open_sink(self, pull: Pull, rate: int) -> DeviceSink:
        def wait_and_pull(out: Array) -> None:
            with self._changed:
                self.holding = self._taken + len(out) > self._allowed
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._aborted or self._taken + len(out) <= self._allowed, _LIMIT_S)
            if self._aborted:
                raise sounddevice.CallbackAbort
            eventually(lambda: self._is_there(len(out)), _LIMIT_S)
            pull(out)
            self._taken += len(out)

        return DeviceSink(wait_and_pull, rate)

    def allow(self, frames: float = math.inf) -> None:
        """Let the device take this many frames in all."""
        with self._changed:
            self._allowed, self.holding = frames, False
            self._changed.notify_all()

    def abort(self) -> None:
        """End the stream as a device does that is unplugged."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def _is_there(self, count: int) -> bool:
        """Whether the player has so many frames, or none will come because the mix is at its end."""
        assert self.player is not None
        return self.player.ready >= count or (self._taken > 0 and not self.player._primed)
