"""`bench all`: every benchmark of this machine in one value, each in a process of its own, so that none stops the rest.

Also reads such files for `bench compare`. Imports neither torch nor Qt.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lincae_studio import bounded, paths
from lincae_studio.bench.machine import machine
from lincae_studio.errors import UsageError, os_error_reason

FORMAT = "lincae-studio-benchmarks"

#: Arguments of each benchmark with `--quick`; without it, all have their defaults.
QUICK: Mapping[str, tuple[str, ...]] = {
    "builtin": (),
    "bundle": ("--codec", "mdct-4x", "--seconds", "2"),
    "chunks": (),
    "codec": ("--seconds", "1", "--repeats", "1", "--base-channels", "16"),
    "dataset": ("--files", "20", "--codec", "mdct-4x"),
    "engine": ("--tracks", "1,8", "--minutes", "0.5", "--export-minutes", "0.5", "--clips", "125", "--repeats", "2"),
    "import": ("--files", "4", "--seconds", "10", "--repeats", "2"),
    "playback": ("--seconds", "5", "--tracks", "4", "--codec", "mdct-4x"),
    "remote": ("--delays", "20", "--tracks", "2", "--minutes", "0.2", "--repeats", "3"),
    "start": ("--runs", "1"),
    "training": ("--seconds", "2"),
    "ui": (
        *("--tracks", "8", "--clips", "80", "--minutes", "5", "--frames", "20", "--starts", "1"),
        *("--opened-tracks", "50", "--opened-clips", "500"),
    ),
}

#: A file of figures is no larger than this.
_LARGEST_BYTES = 1 << 24

_TIMEOUT_S = 7200


def measure_all(quick: bool, report: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Run all benchmarks.

    Args:
        report: receives the name of each before it runs.

    Yields:
        After each benchmark, what has been measured so far, so that a run that is stopped leaves the rest.
        `machine`; `benchmarks`: by name what each prints with `--json`, its `machine` left out; `loads`: by name the
        load before each; `errors`: by name why one failed.
    """
    here = machine()
    found: dict[str, object] = {}
    loads: dict[str, object] = {}
    errors: dict[str, str] = {}
    everything: dict[str, object] = {"format": FORMAT, "machine": here, "quick": quick}
    everything |= {"benchmarks": found, "loads": loads, "errors": errors}
    for name, arguments in QUICK.items():
        report(name)
        try:
            figures = _measured([*paths.own_command(), "bench", name, "--json", *(arguments if quick else ())])
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            errors[name] = str(error)
        else:
            rows = figures if isinstance(figures, list) else [figures]
            before = [row.pop("machine", {}) for row in rows]
            loads[name] = before[0].get("load")
            found[name] = figures
        yield everything


def _measured(command: list[str]) -> list[dict[str, dict[str, object]]] | dict[str, dict[str, object]]:
    """What a command prints as JSON. Raises `ValueError` with the last line of its errors, when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        raise ValueError("".join(done.stderr.strip().splitlines()[-1:]) or f"exit code {done.returncode}")
    figures: list[dict[str, dict[str, object]]] | dict[str, dict[str, object]] = json.loads(done.stdout)
    return figures


def read_figures(path: Path) -> tuple[dict[str, object], dict[str, object]]:
    """The machine, and the figures by benchmark, of a file of `bench all` or of one benchmark (named "").

    Raises:
        UsageError: when the file cannot be read, or has other contents.
    """
    try:
        value = json.loads(bounded.read(path, _LARGEST_BYTES))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {os_error_reason(error, path)[0]}", "Choose another file") from error
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and value.get("format") == FORMAT and isinstance(value.get("benchmarks"), dict):
        here = value.get("machine")
        return here if isinstance(here, dict) else {}, value["benchmarks"]
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} has no figures of benchmarks", "Write one with: lincae-studio bench all FILE")
    machines = [row.pop("machine", {}) for row in rows]
    return machines[0] if isinstance(machines[0], dict) else {}, {"": value}
