"""Compile the libraries of `lincae_studio_kernels`, for Linux on x86-64: `python build_libraries.py [FOLDER]`.

Needs gcc with OpenMP. They are linked with the OpenMP library by its name, which is that of the one in torch's wheels,
so that both use the same threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).parent / "lincae_studio_kernels" / "tiles.c"

#: Libraries, by instruction set.
_OPTIONS = {
    "avx2.so": ("-mavx2", "-mfma"),
    "avx512.so": ("-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
}


def build(folder: Path) -> list[Path]:
    """Compile all libraries into a folder. Raises `CalledProcessError` or `OSError` when that fails."""
    common = ("-std=gnu11", "-O3", "-fopenmp", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-Wl,--strip-all")
    built = []
    for name, options in _OPTIONS.items():
        command = [os.environ.get("CC", "gcc"), *common, *options, "-o", str(folder / name), str(_SOURCE)]
        subprocess.run(command, check=True)
        built.append(folder / name)
    return built


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else _SOURCE.parent)
