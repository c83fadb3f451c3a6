"""Compiles the libraries while the wheel is built, which is for Linux on x86-64 and any Python."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        from build_libraries import build

        folder = Path(self.directory) / "libraries"
        folder.mkdir(parents=True, exist_ok=True)
        for library in build(folder):
            build_data["force_include"][str(library)] = f"lincae_studio_kernels/{library.name}"
        name, release = platform.libc_ver()
        assert name == "glibc", "wheels are for systems with glibc"
        build_data["tag"] = f"py3-none-manylinux_{release.replace('.', '_')}_{platform.machine()}"
        build_data["pure_python"] = False
