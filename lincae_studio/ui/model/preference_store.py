"""The preferences as a Qt object that reports every change and saves it immediately. Main thread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from lincae_studio import preferences
from lincae_studio.codecs.computation import Computation
from lincae_studio.errors import PreferencesError
from lincae_studio.preferences import Preferences


class PreferenceStore(QObject):
    """The current preferences and their file.

    Signals:
        changed: `value` has changed.
        problem: a `PreferencesError`: the file could not be written.
    """

    changed = Signal()
    problem = Signal(object)

    def __init__(
        self, path: Path | None, parent: QObject | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Read the preferences.

        Args:
            path: path of the file; None starts with the defaults and saves nothing (safe mode).
            environment: environment variables, some of which override preferences.

        Raises:
            UsageError: when a variable has an invalid value.
        """
        super().__init__(parent)
        self._path = path
        self._value = Preferences()
        self._environment = dict(environment or {})
        Computation().overridden(self._environment)
        self._load_error: PreferencesError | None = None
        if path is not None:
            try:
                self._value = preferences.load(path)
            except PreferencesError as error:
                self._load_error = error

    @property
    def value(self) -> Preferences:
        return self._value

    @property
    def computation(self) -> Computation:
        """Device and precision of codecs: from the preferences, unless the environment overrides them."""
        return Computation(self._value.device, self._value.precision).overridden(self._environment)

    @property
    def load_error(self) -> PreferencesError | None:
        """The error if the file could not be read, or None."""
        return self._load_error

    def set(self, **fields: Any) -> None:
        """Change some preferences and save them; the window follows immediately."""
        value = msgspec.structs.replace(self._value, **fields)
        if value == self._value:
            return
        self._value = value
        self.changed.emit()
        if self._path is not None:
            try:
                preferences.save(value, self._path, fields)
            except PreferencesError as error:
                self.problem.emit(error)
