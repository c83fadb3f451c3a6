"""What the client of the engine process reports: its events. Values; any thread."""

from __future__ import annotations

from msgspec import Struct

from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.channel import LinkFigures
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EngineError


class ChunkStarted(Struct, frozen=True):
    key: str


class ChunkFinished(Struct, frozen=True):
    rendered: Rendered
    seconds: float


class ChunkPreviewed(Struct, frozen=True):
    """A chunk was decoded quickly, until it is finished."""

    preview: Rendered


class PreviewUnusable(Struct, frozen=True):
    """The preview of the codec is damaged; chunks are rendered without."""

    problem: str
    remedy: str


class ChunkFailed(Struct, frozen=True):
    key: str
    message: str


class EngineUp(Struct, frozen=True):
    pid: int


class PrecisionResolved(Struct, frozen=True):
    """What the device and precision of codecs come to, or cannot be known if they are not possible; see `resolve`."""

    computation: Computation


class Computed(Struct, frozen=True):
    """The answer to `compute`."""

    answer: messages.Computed


class EngineDown(Struct, frozen=True):
    """The process died, or the link to it was lost, and it is being restarted; requests are kept."""

    exit_code: int | None


class EngineUnusable(Struct, frozen=True):
    """The engine cannot be started, or crashes before it renders anything.

    Restarting continues. Sent once, and again only after a chunk finished or failed in between.

    Attributes:
        reason: without a final full stop; `remedy`: what to do about it, likewise, if that is known.
    """

    reason: str
    remedy: str = ""


class LinkMeasured(Struct, frozen=True):
    """How fast the link to another machine is; every two seconds while it works."""

    figures: LinkFigures


def failure(message: str) -> EngineError:
    """The error to show when chunks failed."""
    return EngineError(
        f"some chunks cannot be rendered: {message.rstrip('.')}", "Use Session > Retry Failed Chunks to try again"
    )


#: The events of chunks.
OfChunk = ChunkStarted | ChunkFinished | ChunkPreviewed | ChunkFailed

Event = OfChunk | PreviewUnusable | EngineUp | PrecisionResolved | Computed | EngineDown | EngineUnusable | LinkMeasured
