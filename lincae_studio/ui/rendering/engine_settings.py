"""Preferences that the engine process follows: device and precision (it is started anew), sizes of caches (told).

Main thread. What the user's environment says comes before the preferences.
"""

from __future__ import annotations

import os

from PySide6.QtCore import QObject, Signal

from lincae_studio.codecs.lincae.folder import DEVICE_VARIABLE, PRECISION_VARIABLE
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.rendering.rendering import Rendering

_GB = 1_000_000_000
_MB = 1_000_000


class EngineSettings(QObject):
    """Follows the preferences from the start on, before the engine is started.

    Signals:
        restarted: the engine was started anew, and codecs compute elsewhere or in another precision.
    """

    restarted = Signal()

    def __init__(self, preferences: PreferenceStore, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._preferences = preferences
        self._rendering = rendering
        self._ours = [name for name in (DEVICE_VARIABLE, PRECISION_VARIABLE) if name not in os.environ]
        self._computes: tuple[str, str] | None = None
        preferences.changed.connect(self.follow)
        self.follow()

    def close(self) -> None:
        """Leave the environment as it was."""
        for name in self._ours:
            os.environ.pop(name, None)

    def follow(self) -> None:
        """Let what is preferred now hold."""
        chosen = self._preferences.value
        self._rendering.set_cache_limits(
            int(chosen.latent_memory_mb * _MB), int(chosen.latent_cache_gb * _GB), int(chosen.render_cache_gb * _GB)
        )
        computes = chosen.device, chosen.precision
        if computes == self._computes:
            return
        for name, value in zip((DEVICE_VARIABLE, PRECISION_VARIABLE), computes, strict=True):
            if name in self._ours:
                os.environ[name] = value
        if self._computes is not None:
            self._rendering.restart_engine()
        self._computes, before = computes, self._computes
        if before is not None:
            self.restarted.emit()
