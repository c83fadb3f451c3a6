"""The button on the toolbar that shows the ripple mode, and changes it. Main thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from lincae_studio.preferences import RippleMode
from lincae_studio.ui.model.preference_store import PreferenceStore

_TEXTS: dict[RippleMode, str] = {"off": "Ripple: off", "track": "● Ripple: track", "all": "● Ripple: all tracks"}


class RippleButton(QToolButton):
    """Names the mode at any time, and is marked unless it is off. A click goes on, a menu has all modes."""

    def __init__(self, actions: Mapping[str, QAction], preferences: PreferenceStore, parent: QWidget) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._cycle = actions["cycle_ripple"]
        self.setObjectName("ripple_mode")
        self.setCheckable(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        menu = QMenu(self)
        menu.addActions([actions[f"ripple_{mode}"] for mode in get_args(RippleMode)])
        self.setMenu(menu)
        self.clicked.connect(self._on_clicked)
        self._cycle.changed.connect(self._follow)
        preferences.changed.connect(self._follow)
        longest = max(_TEXTS.values(), key=self.fontMetrics().horizontalAdvance)
        self.setText(longest)
        self.setMinimumWidth(self.sizeHint().width())  # so that its neighbours stay in place
        self._follow()

    def _on_clicked(self) -> None:
        self._cycle.trigger()
        self._follow()

    def _follow(self) -> None:
        mode = self._preferences.value.ripple
        self.setText(_TEXTS[mode])
        self.setChecked(mode != "off")
        self.setAccessibleName(_TEXTS[mode].removeprefix("● "))
        key = self._cycle.shortcut().toString()
        self.setToolTip(
            "What moves along when clips or time are deleted, trimmed, moved or pasted: nothing, everything later on "
            f"the track, or everything later on all tracks{f' ({key})' if key else ''}"
        )
