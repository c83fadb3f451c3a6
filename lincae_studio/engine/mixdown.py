"""The mixdown: a whole plan, block by block, to a file. Memory does not depend on the length. Any thread."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lincae_studio.codecs.base import Array
from lincae_studio.engine.plan import Plan, PlannedChunk
from lincae_studio.engine.renderer import Rendered, Renderer
from lincae_studio.engine.stitch import stitch, window_part
from lincae_studio.errors import ExportError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.writer import SampleFormat, writing

#: Gives a chunk's render: renders it now (command line), or waits for the engine process (window).
ProvideChunk = Callable[[PlannedChunk], Rendered]


@dataclass(frozen=True)
class MixdownResult:
    """What was written. `peak` is linear; `clipped_samples` is not 0 only for integer formats."""

    path: Path
    length: int
    channels: int
    peak: float
    clipped_samples: int


def refuse_overwriting(inputs: Sequence[Path], output: Path) -> None:
    """Make sure that an export does not replace a file it is made of, by whatever name or link.

    Raises:
        ExportError: when `output` is one of `inputs`.
    """
    for path in inputs:
        try:
            same = os.path.samefile(path, output)
        except OSError:
            continue  # one of them does not exist, or cannot: nothing would be lost
        if same:
            raise ExportError(f"{output} is one of the inputs", "Choose another name for the output")


def mix_blocks(plan: Plan, provide: ProvideChunk) -> Iterator[tuple[int, Array]]:
    """Yield (chunk number, samples `(channels, n)`) that together are the mix; two chunks are held at a time."""
    held: dict[int, Rendered] = {}

    def audio_of(chunk: PlannedChunk, start: int, end: int) -> Array:
        if chunk.index not in held:
            held[chunk.index] = provide(chunk)
        return window_part(plan, held[chunk.index].audio, chunk.index, start, end)

    for index in range(len(plan.chunks)):
        # Up to where the next chunk begins to be heard.
        start = 0 if index == 0 else plan.grid.valid(index)[0]
        end = min(plan.grid.valid(index + 1)[0], plan.length)
        held = {number: rendered for number, rendered in held.items() if number >= index - 1}
        yield index, stitch(plan, audio_of, start, end - start)


def in_batches(plan: Plan, renderer: Renderer) -> ProvideChunk:
    """Provides the chunks of a plan, asked for in their order, rendered here in the batches that the codec likes."""
    ready: dict[str, Rendered] = {}

    def provide(chunk: PlannedChunk) -> Rendered:
        if chunk.key not in ready:
            renderer.codec(chunk.codec)  # loaded, it tells its batch
            following = (other for other in itertools.islice(plan.chunks, chunk.index, None) if other is not None)
            batch = list(itertools.islice(following, renderer.batch(chunk.codec)))
            ready.update({rendered.key: rendered for rendered in renderer.render_many(batch)})
        return ready.pop(chunk.key)

    return provide


def mixdown(
    plan: Plan,
    provide: ProvideChunk,
    path: Path,
    sample_format: SampleFormat = "32f",
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> MixdownResult:
    """Write the mix of a plan to a WAV.

    Raises:
        ExportError: when there is nothing to export or the file cannot be written; an older file stays.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set; nothing half-written stays.
    """
    cancel = cancel or CancelToken()
    if plan.length == 0:
        raise ExportError("there is nothing to export", "Add at least one clip")
    total = len(plan.chunks)
    with writing(path, plan.channels, plan.length, sample_format) as writer:
        for index, block in mix_blocks(plan, provide):
            cancel.check()
            writer.write(block.T)
            progress(Progress(index + 1, total, "chunks"))
        assert writer.written == plan.length
    return MixdownResult(path, plan.length, plan.channels, writer.peak, writer.clipped_samples)
