"""Frames on two byte streams, such as the standard input and output of an engine on another machine.

A frame is its length, 4 bytes big-endian, and that many bytes. What a shell prints before the engine begins is skipped:
the engine's side starts with `MAGIC`. One thread receives; any thread sends.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

#: Largest frame: a message, or a packed array.
MOST_BYTES = 1 << 27

#: The first bytes of an engine.
MAGIC = b"\0lincae-studio engine\0"

#: How much may come before `MAGIC`, as from a shell's start-up files.
_MOST_NOISE = 1 << 16

#: Bytes read at once.
_PART = 1 << 16


class Stream(Protocol):
    """An unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...

    def write(self, data: bytes | memoryview, /) -> int | None: ...


class NoiseError(Exception):
    """Something other than an engine answers; the argument is what it printed.

    Attributes:
        ended: whether the stream has ended, so that an engine may have been cut off.
    """

    def __init__(self, printed: bytes, ended: bool) -> None:
        super().__init__(printed.decode(errors="replace"))
        self.ended = ended


class Frames:
    """Sends and receives frames.

    Attributes:
        received, sent: bytes so far.
        received_at: when the last bytes came (`time.monotonic`).
        frame_s: how long the last frame took to come, from its first byte, in seconds.
    """

    def __init__(self, incoming: Stream, outgoing: Stream) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._sending = threading.Lock()
        self.received = self.sent = 0
        self.received_at = time.monotonic()
        self.frame_s = 0.0

    def begin(self) -> None:
        """Announce an engine."""
        self._write(MAGIC)

    def find_beginning(self) -> None:
        """Skip what comes before an engine.

        Raises:
            NoiseError: when none begins after much else, or at the end.
        """
        seen = bytearray()
        while not seen.endswith(MAGIC):
            try:
                seen += self._read(1)
            except EOFError:
                raise NoiseError(bytes(seen), ended=True) from None
            if len(seen) > _MOST_NOISE:
                raise NoiseError(bytes(seen), ended=False)

    def send_bytes(self, *frames: bytes) -> None:
        """Send frames, with none of another thread between them. Raises `OSError`, or `ValueError` once closed."""
        with self._sending:
            for frame in frames:
                if len(frame) > MOST_BYTES:
                    raise ValueError(f"a frame of {len(frame)} bytes is too large")
                self._write(len(frame).to_bytes(4, "big") + frame)

    def recv_bytes(self, limit: int = MOST_BYTES) -> bytes:
        """The next frame.

        Raises:
            EOFError, OSError: at the end of the stream.
            ValueError: when the frame is longer than the limit; the stream cannot be used any more.
        """
        size = int.from_bytes(self._read(4), "big")
        if size > limit:
            raise ValueError("its length is impossible")
        started = time.monotonic()
        frame = self._read(size)
        self.frame_s = time.monotonic() - started
        return frame

    def _read(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._incoming.readinto(view[:_PART])
            if not count:
                raise EOFError
            view = view[count:]
            self.received += count
            self.received_at = time.monotonic()
        return bytes(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            count = self._outgoing.write(view[:_PART]) or 0
            view = view[count:]
            self.sent += count
