"""What it costs to cut a range of time out of all tracks: how long the edit takes, and what is rendered again."""

from __future__ import annotations

import statistics
import time

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.plan import Planner, make_plan
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.session import time_edits
from lincae_studio.session.model import Session
from lincae_studio.session.time_edits import TimeRange


def measure_ripple(session: Session, info: CodecInfo, renderer: Renderer, repeats: int) -> dict[str, float]:
    """Delete a range over all tracks, of whole steps of the chunk grid and of another length, each after an undo.

    Args:
        session: at least 8 steps long.
        renderer: with nothing rendered yet.

    Returns:
        `tracks`; `chunks` of the session, and `encodes` of all of it; `edit_ms` and `plan_ms`, medians for the edit and
        the plan after it; `steps_encodes`, `steps_decodes`, `other_encodes`, `other_decodes` after each of the deletes.
    """
    step = make_plan(session, info).grid.step_samples
    rendered: set[str] = set()

    def render(session: Session) -> tuple[int, int]:
        before = renderer.counters.encodes, renderer.counters.decodes
        for chunk in make_plan(session, info).audible:
            if chunk.key not in rendered:
                renderer.render(chunk)
                rendered.add(chunk.key)
        return renderer.counters.encodes - before[0], renderer.counters.decodes - before[1]

    encodes, _ = render(session)
    figures: dict[str, float] = {"tracks": len(session.tracks), "chunks": len(rendered), "encodes": encodes}
    for name, start, end in (("steps", 2 * step, 4 * step), ("other", 2 * step + 777, 4 * step + 1_000)):
        edited = time_edits.delete(session, TimeRange(((start, end),)), "all")
        figures[f"{name}_encodes"], figures[f"{name}_decodes"] = render(edited)
    edit_s, plan_s = [], []
    for _ in range(repeats):
        planner = Planner()
        planner.plan(session, info)
        began = time.perf_counter()
        edited = time_edits.delete(session, TimeRange(((2 * step + 777, 4 * step + 1_000),)), "all")
        planned = time.perf_counter()
        planner.plan(edited, info)
        edit_s.append(planned - began)
        plan_s.append(time.perf_counter() - planned)
    return figures | {"edit_ms": statistics.median(edit_s) * 1e3, "plan_ms": statistics.median(plan_s) * 1e3}
