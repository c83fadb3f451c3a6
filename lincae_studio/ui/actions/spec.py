"""One command of the window as data. No state."""

from __future__ import annotations

from msgspec import Struct
from PySide6.QtGui import QKeySequence

from lincae_studio.ui.model.context import Context

Standard = QKeySequence.StandardKey

#: The characters of the keys 1 to 5 without Shift on French keyboards, where digits need Shift.
_FRENCH_DIGITS = "&É\"'("


class ActionSpec(Struct, frozen=True):
    """One command.

    Attributes:
        id: the key under which `ui.commands` registers its handler.
        keys: shortcuts; the first is shown in menus.
        submenu: title of the submenu of `menu` that it belongs to; empty for none.
        exclusive: whether only one action of its submenu is checked at a time.
        icon: name of a file in resources/icons, without its extension; empty for none.
        opens_section: whether a separator is above it in its menu.
        contexts: the context menus that contain it.
        context_only: whether it is only in context menus, since it acts on the clicked object.
        needs: what must exist for it to be enabled: "clips" any clip, "selection" selected clips, "time" selected time,
            "selected" either, "track" a selected track, "insert" such a one and an operator, "strip" a selected track
            or the master, "points" such a one with an envelope, "solos" any soloed
            track, "group" a selected group of tracks, "grouped" a current track that is in a group, "groups" any group,
            "markers" any marker, "sections" any section, "snapshots" or "two snapshots" as many, "morph" a morph,
            "region" a selected region of latents or a rectangle on the heatmap, "channel" one that was pointed at
            there, "undo" or "redo" an edit to undo or redo; "" for always. With "place" it is left out of context menus
            that were opened by a key or away from the time axis.
    """

    id: str
    text: str
    tip: str
    menu: str
    keys: tuple[str | Standard, ...] = ()
    icon: str = ""
    checkable: bool = False
    needs: str = ""
    submenu: str = ""
    exclusive: bool = False
    opens_section: bool = False
    contexts: tuple[Context, ...] = ()
    context_only: bool = False


def with_french(key: str) -> tuple[str, str]:
    """A shortcut with a digit from 1 to 5, and the one that the same press gives on French keyboards."""
    return key, key[:-1] + _FRENCH_DIGITS[int(key[-1]) - 1]
