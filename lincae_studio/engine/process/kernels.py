"""What inserts compute is sent to an engine process once, and chunks name it by digest. Any thread, under its lock.

The weights of one can have 1 MB: through ssh, each chunk of each track with an insert would take as long as audio.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from lincae_studio.engine.planning.inserts import Kernel
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process.messages import PreviewMode, Render


class SentKernels:
    """What one engine process has been sent."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def render(self, chunks: Sequence[Chunk], previews: PreviewMode = "none") -> Render:
        """The message for these chunks, with what the process does not have yet."""
        kernels = {digest: kernel for chunk in chunks for digest, kernel in chunk.kernels.items()}
        new = tuple(kernel for digest, kernel in kernels.items() if digest not in self._known)
        self._known |= kernels.keys()
        bare = tuple(_with(chunk, lambda kernel: replace(kernel, weights=b"")) for chunk in chunks)
        return Render(bare, new, previews)


class ReceivedKernels:
    """What this engine process has been sent."""

    def __init__(self) -> None:
        self._known: dict[str, Kernel] = {}

    def chunks(self, message: Render) -> tuple[Chunk, ...]:
        """The chunks of a message, complete."""
        self._known.update((kernel.digest, kernel) for kernel in message.kernels)
        return tuple(_with(chunk, lambda kernel: self._known[kernel.digest]) for chunk in message.chunks)


def _with(chunk: Chunk, change: Callable[[Kernel], Kernel]) -> Chunk:
    """A chunk with its kernels changed."""
    if all(one.kernel is None for one in chunk.contributions):
        return chunk
    changed = (replace(one, kernel=change(one.kernel)) if one.kernel else one for one in chunk.contributions)
    return replace(chunk, contributions=tuple(changed))
