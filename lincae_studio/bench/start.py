"""How long the window takes to be up, measured in fresh processes from the first instruction to the first paint."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

from lincae_studio.errors import StudioError

_TIMEOUT_S = 120

#: Runs in a fresh interpreter; the parent measures from before the interpreter starts.
_PROBE = """
import json, sys, time
from lincae_studio import paths
from lincae_studio.media.store import MediaStore
from lincae_studio.ui.app import make_application
from lincae_studio.ui.main_window import MainWindow
app = make_application()
window = MainWindow(MediaStore(paths.cache_dir()), paths.cache_dir())
figures = {}
def painted():
    figures["painted_at"] = time.time()
    window.start_engine_and_views()
    figures["complete_at"] = time.time()
    figures["torch_imported"] = "torch" in sys.modules
    window.shut_down()
    app.quit()
window.first_painted.connect(painted)
window.show()
app.exec()
print(json.dumps(figures))
"""


def measure_start(runs: int) -> dict[str, object]:
    """Start the window `runs` times, after one start that warms the disk cache.

    Returns:
        `first_paint_s` and `complete_s` (heatmap shown, engine process starting), medians, with the slowest first
        paint, the platform plugin used, and whether the window's process imported torch.
    """
    environment = {**os.environ}
    if not any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    painted, complete, torch_imported = [], [], False
    for run in range(runs + 1):
        started = time.time()
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
        if done.returncode:
            raise StudioError(f"the window did not start: {done.stderr.strip().splitlines()[-1:]}")
        figures = json.loads(done.stdout.splitlines()[-1])
        torch_imported = torch_imported or figures["torch_imported"]
        if run:
            painted.append(figures["painted_at"] - started)
            complete.append(figures["complete_at"] - started)
    return {
        "first_paint_s": round(statistics.median(painted), 3),
        "first_paint_worst_s": round(max(painted), 3),
        "complete_s": round(statistics.median(complete), 3),
        "platform": environment.get("QT_QPA_PLATFORM", "default"),
        "torch_imported": torch_imported,
        "runs": runs,
    }
