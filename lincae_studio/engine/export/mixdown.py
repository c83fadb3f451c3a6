"""The mixdown: a whole plan written to a file, block by block. Memory does not depend on the length. Any thread."""

from __future__ import annotations

import itertools
from pathlib import Path

from lincae_studio.engine.export.writer import ExportItem, ExportResult, export
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.renderer import Rendered, Renderer
from lincae_studio.engine.rendering.streams import ProvideChunk, rendered
from lincae_studio.export_settings import AudioFormat, Level
from lincae_studio.jobs import CancelToken, ReportProgress, no_progress
from lincae_studio.media.writer import Tags


def in_batches(plan: Plan, renderer: Renderer) -> ProvideChunk:
    """Provides the chunks of a plan, requested in order, rendered here in batches of the best size for the codec."""
    ready: dict[str, Rendered] = {}

    def provide(chunk: Chunk) -> Rendered:
        if chunk.key not in ready:
            following = plan.chunks.between(chunk.index, len(plan.chunks))
            batch = list(itertools.islice(following, renderer.codec(chunk.codec).batch))
            ready.update({rendered.key: rendered for rendered in renderer.render_many(batch)})
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
