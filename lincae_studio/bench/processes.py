"""Measurements in a process of their own: for its start, its memory, or because this one has no Qt.

Works in a frozen program, too, where there is no `python -m`: the program itself runs one module of this package.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile

from lincae_studio import paths
from lincae_studio.errors import StudioError

_TIMEOUT_S = 3600


def platform_name() -> str:
    """Qt's platform of measured windows: offscreen where there is no display; `default` for that of the display."""
    display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return os.environ.get("QT_QPA_PLATFORM") or ("default" if display else "offscreen")


def measured(module: str, *arguments: str) -> dict[str, float]:
    """Run `figures(folder, *arguments)` of a module of this package, or an `export`, in a new process.

    Its cache is a temporary folder.

    Raises:
        StudioError: when it fails, with the last line that it wrote.
    """
    platform = {} if platform_name() == "default" else {"QT_QPA_PLATFORM": platform_name()}
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [*paths.own_command(), paths.MEASURE_FLAG, module, folder, *arguments],
                env={**os.environ, "LINCAE_STUDIO_CACHE": folder, **platform},
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise StudioError(f"{module} could not be measured: it took more than {_TIMEOUT_S} s") from error
    if done.returncode:
        raise StudioError(f"{module} could not be measured: {''.join(done.stderr.strip().splitlines()[-1:])}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures
