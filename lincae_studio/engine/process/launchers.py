"""What starts engines, imported only when it is chosen: the window's start waits for no other."""

from __future__ import annotations

from pathlib import Path

from lincae_studio.engine.process.channel import Launcher
from lincae_studio.engine.process.machine import Machine
from lincae_studio.media.store import MediaStore


def launcher_of(machine: Machine | None, cache_dir: Path, store: MediaStore) -> Launcher:
    """What starts engines on a machine, or on this computer if that is None."""
    if machine is None:
        from lincae_studio.engine.process.local import LocalLauncher

        return LocalLauncher(cache_dir)
    from lincae_studio.engine.process.ssh import SshLauncher

    return SshLauncher(machine, store)
