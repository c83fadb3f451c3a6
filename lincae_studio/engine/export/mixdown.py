"""The mixdown: a whole plan written to a file, block by block. Memory does not depend on the length. Any thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from lincae_studio.engine.export.writer import ExportItem, ExportResult, export
from lincae_studio.engine.planning.plan import Chunk, CodecRef, Plan
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.streams import ProvideChunk, rendered
from lincae_studio.export_settings import AudioFormat, Level
from lincae_studio.jobs import CancelToken, ReportProgress, no_progress
from lincae_studio.media.writer import Tags


def in_batches(
    plan: Plan, render: Callable[[Sequence[Chunk]], list[Rendered]], batch_of: Callable[[CodecRef], int]
) -> ProvideChunk:
    """Provides the chunks of a plan, requested in order, rendered in batches of the best size for the codec."""
    ready: dict[str, Rendered] = {}

    def provide(chunk: Chunk) -> Rendered:
        if chunk.key not in ready:
            following = plan.chunks.between(chunk.index, len(plan.chunks))
            batch = list(itertools.islice(following, batch_of(chunk.codec)))
            ready.update({rendered.key: rendered for rendered in render(batch)})
        return ready.pop(chunk.key)

    return provide


def mixdown(
    plan: Plan,
    provide: ProvideChunk,
    path: Path,
    audio_format: AudioFormat | None = None,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
    tags: Tags | None = None,
) -> ExportResult:
    """Write the mix of a plan, at its own level. Raises like `export`."""
    item = ExportItem(path, rendered(plan, provide), tags or Tags())
    [result] = export([item], 0, plan.length, audio_format or AudioFormat(), Level(), progress, cancel)
    return result
