"""The client's view of an engine: how one is started, and the messages to and from it. Values and protocols only.

`local.py` starts an engine as a process of this computer, `ssh.py` one on another machine.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from lincae_studio.codecs.base import Array
from lincae_studio.engine.process import messages
from lincae_studio.errors import StudioError

#: A message from the engine, and the arrays that belong to it: latents and audio of a `Finished`.
Received = tuple[messages.FromEngine, list[Array]]


class LinkFigures(Struct, frozen=True):
    """How fast the link to another machine is.

    Attributes:
        round_trip_s: from a question to its answer, in seconds; None until it is known.
        received, sent: bytes per second, in the last seconds.
        ratio: bytes that came per byte of renders; 1 until there are any.
        media: bytes of audio and latents that were sent there.
    """

    round_trip_s: float | None = None
    received: float = 0.0
    sent: float = 0.0
    ratio: float = 1.0
    media: int = 0


class Ended(Struct, frozen=True):
    """How an engine ended.

    Attributes:
        exit_code: that of its process, if it had one; negative: the signal that killed it.
        error: why, if more is known; with what to do about it.
        lasting: whether the next attempt will end in the same way, unless that is done.
    """

    exit_code: int | None = None
    error: StudioError | None = None
    lasting: bool = False


class Channel(Protocol):
    """A running engine. `receive` and `end` in one thread; the others in any."""

    @property
    def ahead(self) -> int:
        """How many batches may be pending at once: sent, and not answered."""
        ...

    @property
    def figures(self) -> LinkFigures | None:
        """How fast the link is; None if there is none."""
        ...

    @property
    def reading_since(self) -> float | None:
        """Since when (`time.monotonic`) it waits for the rest of a message, if that may never come."""
        ...

    def send(self, message: messages.ToEngine) -> None:
        """Send a message; may wait for the engine. Raises `OSError` or `ValueError` when it has ended."""
        ...

    def receive(self, timeout_s: float) -> Received | None:
        """The next message; None if nothing has come for `timeout_s`.

        Raises:
            EOFError, OSError: when the engine has ended.
            Exception: when it sent an invalid message.
        """
        ...

    def kill(self) -> None:
        """End it now, without waiting for that."""
        ...

    def end(self) -> Ended:
        """Wait a moment until it ends by itself, then kill it; release everything."""
        ...


class Launcher(Protocol):
    """Starts engines of one kind, one after another."""

    def launch(self) -> Channel:
        """Start an engine. Raises `OSError`, or a `StudioError`, if it cannot be started."""
        ...
