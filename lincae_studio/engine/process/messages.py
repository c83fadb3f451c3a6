"""The messages between the window and the engine process: typed, versioned, msgpack; nothing is unpickled.

The engine asks for work with `Next`, and the window answers with `Render`: the most urgent chunks at that moment.

Latents and audio of a `Finished` message are in a slot of the shared memory; without a slot, the message is followed by
two raw frames on the same pipe.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.plan import Chunk

#: Increased with every incompatible change; a process of another version is refused.
PROTOCOL = 15


#: How often the engine sends `Alive`, in seconds.
ALIVE_EVERY_S = 2.0


class Configure(Struct, frozen=True, tag=True):
    """Set how codecs compute; sent before the first request."""

    computation: Computation


class Resolve(Struct, frozen=True, tag=True):
    """Find out what device and precision come to for neural codecs: answered by `Resolved`."""


class Render(Struct, frozen=True, tag=True):
    """Render these chunks as one batch: the answer to `Next`."""

    chunks: tuple[Chunk, ...]


class Attach(Struct, frozen=True, tag=True):
    """Also use the latents in these files, which replace those attached before."""

    files: tuple[str, ...]


class Limits(Struct, frozen=True, tag=True):
    """Size limits of the caches, in bytes: latents in memory, latents and renders on disk."""

    memory: int
    latents: int
    renders: int


class Quit(Struct, frozen=True, tag=True):
    """Finish writing to the cache, and exit."""


class Ready(Struct, frozen=True, tag=True):
    """The engine process has started."""

    protocol: int
    pid: int


class Resolved(Struct, frozen=True, tag=True):
    """What device and precision come to; unknown if they are not possible, which rendering a chunk reports."""

    computation: Computation


class Next(Struct, frozen=True, tag=True):
    """Send the next chunks, as soon as there are any.

    Attributes:
        batches: how many chunks are best rendered at once, by the id of each codec for which this is more than one.
    """

    batches: dict[str, int]


class Alive(Struct, frozen=True, tag=True):
    """The process is alive; sent every `ALIVE_EVERY_S` seconds, even while rendering."""


class Started(Struct, frozen=True, tag=True):
    """A chunk is being rendered."""

    key: str


class Finished(Struct, frozen=True, tag=True):
    """A chunk is rendered: the shapes of its arrays, how long it took, and the slot of shared memory they are in."""

    key: str
    latents_shape: tuple[int, int, int]
    audio_shape: tuple[int, int]
    seconds: float
    slot: int | None = None


class Failed(Struct, frozen=True, tag=True):
    """A chunk cannot be rendered."""

    key: str
    message: str


class Dying(Struct, frozen=True, tag=True):
    """The process cannot continue, and exits."""

    reason: str


class Log(Struct, frozen=True, tag=True):
    """A message for the log of the window."""

    level: int
    text: str


ToEngine = Configure | Resolve | Render | Attach | Limits | Quit
FromEngine = Ready | Resolved | Next | Alive | Started | Finished | Failed | Dying | Log

encode = msgspec.msgpack.Encoder().encode
decode_to_engine = msgspec.msgpack.Decoder(ToEngine).decode
decode_from_engine = msgspec.msgpack.Decoder(FromEngine).decode
