"""The place of the window on the screen, its panels, and the heights of its views, remembered in a file. Main thread.

Nothing of it is needed: a file that is missing, damaged, or from another program or version, is ignored, and a place
that no screen shows any more is moved to where it can be seen.
"""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta, Struct
from PySide6.QtCore import QByteArray, QMargins, QObject, QRect, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow, QWidget

from lincae_studio import atomic, bounded, private

_log = logging.getLogger(__name__)

#: Larger than any such file.
_MAX_BYTES = 200_000

#: The version of the arrangement of panels; raise it when panels are renamed.
_PANELS_VERSION = 1

#: A window of which less than this is on a screen counts as being off it.
_GRIP = QSize(120, 40)

#: The frame that a window manager is expected to draw, until it is known.
_FRAME = QMargins(8, 36, 8, 8)

_Position = Annotated[int, Meta(ge=-100_000, le=100_000)]
_Length = Annotated[int, Meta(ge=1, le=100_000)]
_Name = Annotated[str, Meta(max_length=60)]


class Remembered(Struct, frozen=True, kw_only=True):
    """The content of the file.

    Attributes:
        place: left, top, width and height of the window without its frame, in pixels of the desktop.
        panels: Qt's description of the docked panels, in base64; `checksum`: of that text.
        heights, tracks_share: as in `Panes`.
    """

    place: tuple[_Position, _Position, _Length, _Length] | None = None
    maximized: bool = False
    full_screen: bool = False
    panels: Annotated[str, Meta(max_length=100_000)] = ""
    checksum: int = 0
    heights: Annotated[dict[_Name, _Length], Meta(max_length=100)] = {}
    tracks_share: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None


class Panes(Protocol):
    """A splitter whose heights are remembered."""

    heights: dict[str, int]
    tracks_share: float

    def set_heights(self, heights: Mapping[str, int], tracks_share: float) -> None: ...


class WindowState(QObject):
    """Shows the window where it was, and saves its state when it is closed."""

    def __init__(self, path: Path | None, window: QMainWindow, panes: Panes) -> None:
        """`path`: the file; None neither reads nor writes one (safe mode)."""
        super().__init__(window)
        self._path = path
        self._window = window
        self._panes = panes

    def show(self) -> None:
        """Show the window in the state it last had, or at a size that fits the screen."""
        window, found = self._window, _read(self._path)
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        if found.place is None:
            window.resize(fitted(QRect(screens[0].topLeft(), window.size()), screens, _FRAME).size())
        else:
            window.setGeometry(fitted(QRect(*found.place), screens, _FRAME))
        if found.heights or found.tracks_share is not None:
            share = self._panes.tracks_share if found.tracks_share is None else found.tracks_share
            self._panes.set_heights(found.heights, share)
        self._restore_panels(found)
        if found.full_screen:
            window.showFullScreen()
        elif found.maximized:
            window.showMaximized()
        else:
            window.show()

    def save(self) -> None:
        """Write the state of the window. Errors are only logged: the next start does without."""
        if self._path is None:
            return
        window = self._window
        normal = window.normalGeometry() if window.isMaximized() or window.isFullScreen() else window.geometry()
        panels = base64.b64encode(window.saveState(_PANELS_VERSION).data()).decode()
        state = Remembered(
            place=(normal.x(), normal.y(), normal.width(), normal.height()) if normal.isValid() else None,
            maximized=window.isMaximized(),
            full_screen=window.isFullScreen(),
            panels=panels,
            checksum=zlib.crc32(panels.encode()),
            heights=self._panes.heights,
            tracks_share=self._panes.tracks_share,
        )
        try:
            private.make(self._path.parent, tighten=False, checked=False)
            atomic.write_bytes(self._path, msgspec.json.encode(state))
        except OSError as error:
            _log.warning("the place of the window is not remembered: %s", error)

    def _restore_panels(self, found: Remembered) -> None:
        """Qt checks little of what it reads: only what was certainly written by `save` is given to it."""
        if not found.panels or zlib.crc32(found.panels.encode()) != found.checksum:
            return
        try:
            panels = base64.b64decode(found.panels, validate=True)
        except ValueError:
            return
        if not self._window.restoreState(QByteArray(panels), _PANELS_VERSION):
            _log.warning("the arrangement of the panels is from another version, and is ignored")


def resize_on_screen(dialog: QWidget, width: int, height: int) -> None:
    """Give a dialog a size, or what its screen has of it."""
    dialog.resize(QSize(width, height).boundedTo(dialog.screen().availableGeometry().marginsRemoved(_FRAME).size()))


def fitted(place: QRect, screens: Sequence[QRect], frame: QMargins) -> QRect:
    """The position of a window at which all of it, with its frame, is on one screen.

    Args:
        place: where the window was, without its frame.
        screens: the available areas, the primary screen first.
    """
    shown = [screen.intersected(place.marginsAdded(frame)) for screen in screens]
    largest = max(range(len(screens)), key=lambda number: shown[number].width() * shown[number].height())
    visible = shown[largest].size().expandedTo(_GRIP) == shown[largest].size()
    area = screens[largest if visible else 0].marginsRemoved(frame)
    size = place.size().boundedTo(area.size())
    if not visible:
        place = QRect(area.topLeft(), size)
        place.moveCenter(area.center())
    left = min(max(place.left(), area.left()), area.left() + area.width() - size.width())
    top = min(max(place.top(), area.top()), area.top() + area.height() - size.height())
    return QRect(left, top, size.width(), size.height())


def _read(path: Path | None) -> Remembered:
    if path is None:
        return Remembered()
    try:
        return msgspec.json.decode(bounded.read(path, _MAX_BYTES), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        _log.warning("the place of the window cannot be read, and is ignored: %s", error)
        return Remembered()
