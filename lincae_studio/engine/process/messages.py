"""The messages between the window and the engine process: typed, versioned, msgpack; nothing is unpickled.

The engine asks for work with `Next`, and the window answers with `Render`: the most urgent chunks at that moment.

Latents and audio of a `Finished` message are in a slot of the shared memory; without a slot, the message is followed by
two frames: raw on the same pipe, packed (`packing.py`) from another machine. Such an engine reads no path: it asks for
audio and latents by `Need`; `Offer` names the latents there are, instead of `Attach`.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.inserts import Kernel
from lincae_studio.engine.planning.plan import Chunk, CodecRef

#: Increased with every incompatible change; a process of another version is refused.
PROTOCOL = 18


#: How often the engine sends `Alive`, in seconds.
ALIVE_EVERY_S = 2.0


class Greeting(Struct, frozen=True):
    """The first frame in each direction between two machines, which may have different versions.

    Fields may be added, with a default; none changes.

    Attributes:
        version: of the program.
        protocol: `PROTOCOL`.
        platform: for people: system, processor, cores.
        host: the name by which the window knows the engine's machine; empty from the engine.
    """

    version: str
    protocol: int
    platform: str = ""
    host: str = ""


#: In `Render`.
PreviewMode = Literal["none", "too", "only"]


class Configure(Struct, frozen=True, tag=True):
    """Set how codecs compute; sent before the first request."""

    computation: Computation


class Resolve(Struct, frozen=True, tag=True):
    """Find out what device and precision come to for neural codecs: answered by `Resolved`."""


class Render(Struct, frozen=True, tag=True):
    """Render these chunks as one batch: the answer to `Next`.

    Attributes:
        chunks: with inserts without weights, which `kernels.py` adds.
        kernels: with their weights; those that the process has not been sent yet.
        previews: whether previews of the chunks are sent, too, before they are decoded, or nothing else: then only of
            those that need no encoding.
    """

    chunks: tuple[Chunk, ...]
    kernels: tuple[Kernel, ...] = ()
    previews: PreviewMode = "none"


class Attach(Struct, frozen=True, tag=True):
    """Also use the latents in these files, which replace those attached before."""

    files: tuple[str, ...]


class Limits(Struct, frozen=True, tag=True):
    """Size limits of the caches, in bytes: latents in memory, latents and renders on disk.

    `media`: audio from other machines, on disk.
    """

    memory: int
    latents: int
    renders: int
    media: int = 8_000_000_000


class Offer(Struct, frozen=True, tag=True):
    """Whether the window has latents that may be asked for."""

    latents: bool


class Item(Struct, frozen=True, tag=True):
    """An answer to `Need`.

    Attributes:
        name: its name in `Need`.
        shape: of the array: `(channels, frames)` of audio, `(D, T)` of latents.
        data: the packed array.
        problem: why there is none, instead of the array.
    """

    name: str
    shape: tuple[int, int] = (0, 0)
    data: bytes = b""
    problem: str = ""


class Compute(Struct, frozen=True, tag=True):
    """Use a codec on numbers that are no part of a session, between two batches: answered by `Computed`.

    Attributes:
        number: in the answer, too.
        what: the method of `codecs.base.Codec`.
        shape, data: its packed argument: windows `(B, N)`, or latents `(B, D, T)`; of silence `(frames,)` alone counts.
        first_frames, seed: of decoding.
    """

    number: int
    codec: CodecRef
    what: Literal["encode", "decode", "silence"]
    shape: tuple[int, ...]
    data: bytes = b""
    first_frames: tuple[int, ...] = ()
    seed: int = 0


class Ping(Struct, frozen=True, tag=True):
    """Answer with `Pong` at once."""

    number: int


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
        previews: how many previews may come first.
    """

    batches: dict[str, int]
    previews: int = 0


class Need(Struct, frozen=True, tag=True):
    """Send these blocks of audio and latents, in this order: each is answered by an `Item`."""

    names: tuple[str, ...]


class Computed(Struct, frozen=True, tag=True):
    """The answer to `Compute`: the shape and bytes of a packed array, or why there is none."""

    number: int
    shape: tuple[int, ...] = ()
    data: bytes = b""
    problem: str = ""


class Pong(Struct, frozen=True, tag=True):
    """The answer to `Ping`."""

    number: int


class Alive(Struct, frozen=True, tag=True):
    """The process is alive; sent every `ALIVE_EVERY_S` seconds, even while rendering."""


class Started(Struct, frozen=True, tag=True):
    """A chunk is being rendered."""

    key: str


class Finished(Struct, frozen=True, tag=True):
    """A chunk is rendered: the shapes of its arrays, how long it took, and the slot of shared memory they are in.

    `preview`: it is only its preview that is.
    """

    key: str
    latents_shape: tuple[int, int, int]
    audio_shape: tuple[int, int]
    seconds: float
    slot: int | None = None
    preview: bool = False


class Failed(Struct, frozen=True, tag=True):
    """A chunk cannot be rendered."""

    key: str
    message: str


class NoPreview(Struct, frozen=True, tag=True):
    """The preview of the codec cannot be used, and why; chunks are rendered without."""

    problem: str
    remedy: str


class Dying(Struct, frozen=True, tag=True):
    """The process cannot continue, and exits."""

    reason: str


class Log(Struct, frozen=True, tag=True):
    """A message for the log of the window."""

    level: int
    text: str


ToEngine = Configure | Resolve | Render | Attach | Limits | Offer | Item | Compute | Ping | Quit
FromEngine = (
    Ready | Resolved | Next | Need | Computed | Pong | Alive | Started | Finished | Failed | NoPreview | Dying | Log
)

encode = msgspec.msgpack.Encoder().encode
decode_to_engine = msgspec.msgpack.Decoder(ToEngine).decode
decode_from_engine = msgspec.msgpack.Decoder(FromEngine).decode
decode_greeting = msgspec.msgpack.Decoder(Greeting).decode
