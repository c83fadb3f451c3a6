"""Preferences that the engine process follows: device and precision (it restarts), sizes of caches. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.rendering.rendering import Rendering

_GB = 1_000_000_000
_MB = 1_000_000


class EngineSettings(QObject):
    """Follows the preferences from the start on, before the engine is started.

    Signals:
        restarted: the engine restarts, and codecs compute elsewhere or in another precision.
    """

    restarted = Signal()

    def __init__(self, preferences: PreferenceStore, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._preferences = preferences
        self._rendering = rendering
        preferences.changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Apply the present preferences."""
        chosen = self._preferences.value
        self._rendering.set_cache_limits(
            int(chosen.latent_memory_mb * _MB), int(chosen.latent_cache_gb * _GB), int(chosen.render_cache_gb * _GB)
        )
        computation = self._preferences.computation
        if computation != self._rendering.computation:
            self._rendering.set_computation(computation)
            self.restarted.emit()
