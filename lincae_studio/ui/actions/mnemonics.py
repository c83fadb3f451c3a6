"""Letters of menu entries, which choose them while their menu is open. No state."""

from __future__ import annotations

import re

from PySide6.QtWidgets import QMenu, QMenuBar


def give_letters(menu: QMenu | QMenuBar) -> None:
    """Underline a letter of each entry that has none, and of those of its submenus, unless others have all of them.

    Letters in the tables of commands stay. Submenus come first, and the first letters of words.
    """
    entries = [action for action in menu.actions() if not action.isSeparator()]
    taken = {letter_of(action.text()) for action in entries}
    for action in sorted(entries, key=lambda action: action.menu() is None):
        text = action.text()
        if not letter_of(text):
            starts = [found.start() for found in re.finditer(r"\b\w", text)]
            places = (place for place in (*starts, *range(len(text))) if text[place].isalnum())
            free = next((place for place in places if text[place].casefold() not in taken), None)
            if free is not None:
                action.setText(f"{text[:free]}&{text[free:]}")
                taken.add(text[free].casefold())
        submenu = action.menu()
        if isinstance(submenu, QMenu):
            give_letters(submenu)


def letter_of(text: str) -> str:
    """The underlined letter of an entry, in lower case; empty for none."""
    found = re.search(r"&(\w)", text.replace("&&", "  "))
    return found[1].casefold() if found else ""
