"""Start-up time of the window, measured in fresh processes from the start of the process to the first paint."""

from __future__ import annotations

import statistics
import time

from lincae_studio.bench.processes import measured, platform_name
from lincae_studio.bench.spread import spread


def measure_start(runs: int) -> dict[str, object]:
    """Start the window `runs` times, after one start that warms the disk cache.

    Returns:
        Medians of `first_paint_s` and `complete_s` (heatmap shown, engine process starting), the slowest first paint,
        the platform plugin, and whether the window's process imported torch.
    """
    painted, complete, torch_imported = [], [], False
    for run in range(runs + 1):
        started = time.time()
        figures = measured("window_start")
        torch_imported = torch_imported or bool(figures["torch_imported"])
        if run:
            painted.append(figures["painted_at"] - started)
            complete.append(figures["complete_at"] - started)
    return {
        "first_paint_s": round(statistics.median(painted), 3),
        "first_paint_worst_s": round(max(painted), 3),
        "complete_s": round(statistics.median(complete), 3),
        "platform": platform_name(),
        "torch_imported": torch_imported,
        "runs": runs,
        "spread": {"first_paint_s": spread(painted), "complete_s": spread(complete)},
    }
