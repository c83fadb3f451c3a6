"""Where a benchmark ran: processor, instruction set, versions, load. Imports neither torch nor Qt."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Collection
from pathlib import Path

from lincae_studio import __version__, cores

#: Features of processors that decide how fast codecs are, as Linux names them, from the oldest to the newest.
_FEATURES = (
    *("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "asimdhp", "sve", "sve2", "i8mm", "bf16"),
)

_PACKAGES = ("numpy", "torch", "soundfile", "soxr")
_QT = "PySide6-Essentials"


def machine() -> dict[str, object]:
    """The machine, as `machine` in the JSON of all benchmarks; to be called before measuring.

    Returns:
        `isa`: the widest vectors and special instructions, such as `avx512 bf16 amx`; `features`: those of `_FEATURES`
        that the processor has (Linux only); `processor`: its model; `cores` that this process may use; `system`;
        `versions`; `load`: the average of the last minute, None where the system has none.
    """
    model, features = _processor(Path("/proc/cpuinfo"))
    return {
        "isa": isa_of(features) or platform.machine().lower(),
        "features": features,
        "processor": model or platform.processor() or platform.machine(),
        "cores": cores.count(),
        "system": platform.platform(),
        "versions": _versions(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def isa_of(features: Collection[str]) -> str:
    """The instruction set in short: the widest vectors, then what else speeds up codecs. Empty if nothing is known."""
    has = set(features)
    vectors = (("avx512f", "avx512"), ("avx2", "avx2"), ("avx", "avx"), ("sse4_2", "sse4.2"), ("sve", "sve"))
    found = [name for feature, name in (*vectors, ("asimd", "neon")) if feature in has][:1]
    found += ["bf16"] if has & {"avx512_bf16", "bf16"} else []
    found += ["amx"] if "amx_bf16" in has else []
    return " ".join(found)


def _processor(cpuinfo: Path) -> tuple[str, list[str]]:
    """The model of the first processor, and its features; both empty where there is no such file."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    except OSError:
        return "", []
    pairs = (line.partition(":") for line in text.splitlines())
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    flags = set((fields.get("flags") or fields.get("features") or "").split())
    return fields.get("model name", ""), [name for name in _FEATURES if name in flags]


def _versions() -> dict[str, str]:
    versions = {"lincae-studio": __version__, "python": platform.python_version()}
    for name, package in (*((name, name) for name in _PACKAGES), ("qt", _QT)):
        try:
            versions[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # optional, or another distribution of it
    return versions
