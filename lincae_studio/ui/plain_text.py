"""Text that others wrote, such as names of tracks and files, as the window shows it: as plain text. Any thread.

No label, tooltip or message box of the program interprets markup: the style sheet makes each one plain (`STYLE`, which
`theme.py` applies). These functions are for the places where Qt interprets plain text, too: "&" in menus and on
buttons, "[*]" in titles; and for names inside a sentence, whose control characters would break or reorder it. A name
that stands alone, in its field, table cell or flag, is shown unchanged.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

#: Sets the text format of every label. Qt's default, `AutoText`, would load an image that a file's name refers to.
#: Tooltips are labels with a name of their own.
STYLE = "QLabel, QToolTip { qproperty-textFormat: PlainText; }"

#: Tooltips of plain text are not wrapped by Qt.
_TIP_COLUMNS = 80

#: Control characters, separators of lines and paragraphs, marks that change the writing direction, and halves of
#: characters (from file names that are not UTF-8).
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """Text on one line, with an escape sequence (`\\n`, `\\u202e`) for each character that would be invisible."""
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def in_menu(text: str) -> str:
    """Text for a menu, a button or the label of a field, where a single "&" would underline the next letter."""
    return shown(text).replace("&", "&&")


def in_title(text: str) -> str:
    """Text for the title of a window, where a single "[*]" would show whether there are unsaved changes."""
    return shown(text).replace("[*]", "[*][*]")


def in_tip(text: str) -> str:
    """Text for a tooltip, in lines of a readable width."""
    return textwrap.fill(shown(text), _TIP_COLUMNS)


def from_menu(text: str) -> str:
    """The text of a menu entry or a button as it is shown, without the underlined letter."""
    return re.sub(r"&(.?)", r"\1", text)


def reads_right_to_left(text: str) -> bool:
    """Whether a name is written from right to left: its first letter decides."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"
