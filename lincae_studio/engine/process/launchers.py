"""What starts engines, imported only when one is started: the window's start waits for none."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from lincae_studio.engine.process.channel import Channel, Launcher
from lincae_studio.engine.process.machine import Machine
from lincae_studio.media.store import MediaStore


class MachineLauncher(Struct, frozen=True):
    """Starts engines on a machine, or on this computer if that is None."""

    machine: Machine | None
    cache_dir: Path
    store: MediaStore

    def launch(self) -> Channel:
        return self._made().launch()

    def _made(self) -> Launcher:
        if self.machine is None:
            from lincae_studio.engine.process.local import LocalLauncher

            return LocalLauncher(self.cache_dir)
        from lincae_studio.engine.process.ssh import SshLauncher

        return SshLauncher(self.machine, self.store)
