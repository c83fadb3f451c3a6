"""The linearity of every chunk as a table in a CSV file. Main thread."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lincae_studio import atomic
from lincae_studio.engine.analysis.residual import own_samples, residual_db
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.session.model import Session
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.rendering import Rendering


def write_report(path: Path, session: Session, rendering: Rendering, linearity_meter: LinearityMeter) -> int:
    """Write the figures of every chunk of the mix as CSV. Returns the number of rendered chunks.

    Figures that were not measured are left empty. Columns of tracks have their numbers, from 1, and names.

    Raises:
        ExportError: when the file cannot be written.
    """
    plan, dry = rendering.update_plan(), rendering.dry
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    names = ["chunk", "start_s", "end_s", "media", "residual_db", "sum_of_decodes_db", "noise_floor_db"]
    for number, track in enumerate(session.tracks, 1):
        names += [f"{figure} of {number} {track.name}" for figure in ("level_db", "share", "loss_db")]
    table.writerow(names)
    count = 0
    for chunk in plan.audible:
        start, end = own_samples(plan, chunk.index)
        rendered, measured = rendering.rendered(chunk.index), linearity_meter.of(chunk.index)
        count += rendered is not None
        row: list[float | None] = [residual_db(plan, dry, rendered, chunk.index) if rendered is not None else None]
        row += [measured.sum_db, measured.floor_db] if measured is not None else [None, None]
        for track in session.tracks:
            figures = measured.tracks.get(track.id) if measured is not None else None
            row += [figures.level_db, figures.share, figures.loss_db] if figures is not None else [None, None, None]
        media = len({term.source.media for term in chunk.terms})
        where = [chunk.index, *(f"{at / session.rate:.6f}" for at in (start, end)), media]
        table.writerow([*where, *("" if figure is None else f"{figure:.3f}" for figure in row)])
    try:
        atomic.write_bytes(path, out.getvalue().encode())
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error
    return count
