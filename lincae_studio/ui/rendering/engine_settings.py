"""Applies preferences to the engine process: where it runs, device and precision, cache sizes. Main thread.

The limit of the renders in the window's own memory is applied here, too.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from lincae_studio.engine.process.machine import machine_of
from lincae_studio.engine.process.messages import Limits
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.rendering.rendering import Rendering

_GB = 1_000_000_000
_MB = 1_000_000


class EngineSettings(QObject):
    """Follows the preferences, starting before the engine does.

    Signals:
        restarted: the engine restarts elsewhere, or with another device or precision.
    """

    restarted = Signal()

    def __init__(self, preferences: PreferenceStore, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._preferences = preferences
        self._rendering = rendering
        self._render_memory_mb = 0
        preferences.changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Apply the current preferences."""
        chosen = self._preferences.value
        self._rendering.set_cache_limits(
            Limits(
                int(chosen.latent_memory_mb * _MB),
                int(chosen.latent_cache_gb * _GB),
                int(chosen.render_cache_gb * _GB),
                int(chosen.sent_media_gb * _GB),
            )
        )
        if chosen.previews != self._rendering.requests.previews:
            self._rendering.requests.previews = chosen.previews
            self._rendering.store.drop_previews()
            self._rendering.refresh()
        if chosen.render_memory_mb != self._render_memory_mb:
            self._render_memory_mb = chosen.render_memory_mb
            self._rendering.store.set_limit(chosen.render_memory_mb * _MB)
            self._rendering.refresh()  # other chunks may have room now
        machine = machine_of(chosen)
        computation = self._preferences.computation
        if machine != self._rendering.engine_status.machine:
            self._rendering.set_machine(machine)
            self.restarted.emit()
        if computation != self._rendering.computation.requested:
            self._rendering.set_computation(computation)
            self.restarted.emit()
