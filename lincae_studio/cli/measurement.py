"""What a process does that a benchmark has started for one measurement: see `bench.processes`."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path


def run_measurement(module: str, folder: str, *arguments: str) -> int:
    """Print the figures of a module of `bench`, or of an `export`, as JSON. Returns the exit code."""
    figures = _export if module == "export" else importlib.import_module(f"lincae_studio.bench.{module}").figures
    print(json.dumps(figures(Path(folder), *arguments)))
    return 0


def _export(_folder: Path, project: str, output: str) -> dict[str, object]:
    """Export a project. Returns its speed as a multiple of real time, and the peak of the process's memory, in MiB."""
    from lincae_studio.cli.mixing import render_project  # not needed to start a window
    from lincae_studio.cli.options import request

    done = render_project(Path(project), Path(output), None, request(Path(output)))
    return {"x_realtime": done["x_realtime"], "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    # On Linux, ru_maxrss is inherited from the process that started this one.
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found is not None:
        return int(found[1]) / 2**10
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / (2**20 if sys.platform == "darwin" else 2**10)
