"""The help window: the manual, the keyboard map and what is new, as pages with contents and search. Main thread."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct
from PySide6.QtCore import QEvent, Qt, QUrl
from PySide6.QtGui import QAction, QColor, QKeySequence, QShortcut, QTextCursor, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSplitter,
    QTextBrowser,
    QTextEdit,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.paths import change_log, resource
from lincae_studio.preferences import ShortcutPreset
from lincae_studio.ui import theme
from lincae_studio.ui.actions import shortcuts
from lincae_studio.ui.actions.spec import ActionSpec
from lincae_studio.ui.actions.table import ACTIONS, MENUS
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import from_menu

KEYBOARD_MAP = "Keyboard map"
PRESETS = "Keys of other programs"
WHATS_NEW = "What’s new"

#: On every page of the manual, whose text has the default keys, if others are in use.
_OTHER_KEYS = "*The keys on this page are those of LinCAE Studio’s own preset. You use others: see the "
_OTHER_KEYS += "[keyboard map](#keyboard-map).*\n\n"


class Page(Struct, frozen=True, dict=True):
    """A page in Markdown; its headings of the third level are listed below its title."""

    title: str
    text: str

    @cached_property
    def searched(self) -> str:
        """The text as it is shown, in lower case: without Markdown's signs, and with paragraphs as one line."""
        document = QTextDocument()
        document.setMarkdown(self.text)
        return document.toPlainText().lower()

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^### (.+)$", self.text, re.MULTILINE)


def pages(actions: Mapping[str, QAction]) -> list[Page]:
    """All pages; `actions`: by id, with their keys."""
    manual = resource("manual/manual.md").read_text(encoding="utf-8")
    first, *sections = re.split(r"^## ", manual, flags=re.MULTILINE)
    note = _OTHER_KEYS if any(actions[spec.id].shortcuts() != shortcuts.default_keys(spec) for spec in ACTIONS) else ""
    found = [Page("About this manual", f"{first}\n{note}")]
    for section in sections:
        title, _, text = section.partition("\n")
        found.append(Page(title, f"## {title}\n\n{note}{text}"))
    news = change_log().read_text(encoding="utf-8")
    return [*found, Page(KEYBOARD_MAP, _keyboard_map(actions)), Page(PRESETS, _presets()), Page(WHATS_NEW, news)]


class ManualDialog(QDialog):
    """Shows the pages. Not modal, so that one can read while working."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget) -> None:
        """`actions`: by id, with their keys."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("LinCAE Studio Manual")
        self._actions = actions
        self._pages = pages(actions)
        self._page = -1
        self.browser = QTextBrowser(self)
        self.browser.setOpenLinks(False)
        self.browser.anchorClicked.connect(self._on_link)
        self.browser.setAccessibleName("Page")
        self.contents = QTreeWidget(self)
        self.contents.setHeaderHidden(True)
        self.contents.setAccessibleName("Contents")
        self.contents.itemSelectionChanged.connect(self._on_chosen)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search the manual")
        self.search.setAccessibleName("Search the manual")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._on_searched)
        self.search.returnPressed.connect(self.find_next)
        self.found = QLabel(self)
        theme.dim(self.found)
        self._previous = self._button("&Previous", "Previous match (Shift+F3)", self.find_previous)
        self._next = self._button("&Next", "Next match (F3, Return)", self.find_next)
        for keys, slot in (
            (QKeySequence.StandardKey.Find, self._focus_search),
            (QKeySequence.StandardKey.FindNext, self.find_next),
            (QKeySequence.StandardKey.FindPrevious, self.find_previous),
        ):
            QShortcut(keys, self).activated.connect(slot)
        self._lay_out()
        self._fill(self._pages)
        self.show_page(self._pages[0].title)
        resize_on_screen(self, 980, 720)

    def show_page(self, title: str, heading: str = "") -> None:
        """Show the page with this title, from a heading on."""
        number = next(number for number, page in enumerate(self._pages) if page.title == title)
        if number != self._page:
            self._page = number
            self.browser.setMarkdown(self._pages[number].text)
        self.browser.moveCursor(QTextCursor.MoveOperation.Start)
        if heading:
            self._scroll_to(heading)
        else:
            self._select(number)
        self._mark()

    def find_next(self) -> None:
        """Go to the next match, on this page or a later one, then from the first page on."""
        self._find(1)

    def find_previous(self) -> None:
        """Go to the previous match, on this page or an earlier one, then from the last page back."""
        self._find(-1)

    def _follow_keys(self) -> None:
        """Show the current keys, after the preferences changed them."""
        now = pages(self._actions)
        if now != self._pages:
            self._pages, shown = now, self._pages[self._page].title
            self._page = -1
            self.show_page(shown)

    def _find(self, step: int) -> None:
        words = self.search.text()
        if not words:
            return
        flags = QTextDocument.FindFlag.FindBackward if step < 0 else QTextDocument.FindFlag(0)
        if self.browser.find(words, flags):
            return
        start = self._page
        for distance in range(1, len(self._pages) + 1):
            number = (start + step * distance) % len(self._pages)
            if words.lower() not in self._pages[number].searched:
                continue
            self.show_page(self._pages[number].title)
            if step < 0:
                self.browser.moveCursor(QTextCursor.MoveOperation.End)
            if self.browser.find(words, flags):
                return

    def _on_searched(self, words: str) -> None:
        """List the pages that contain the words, with the number of matches, and go to the first one."""
        if not words:
            self._fill(self._pages)
            self.found.clear()
            self._mark()
            return
        counts = {page.title: page.searched.count(words.lower()) for page in self._pages}
        self._fill([page for page in self._pages if counts[page.title]], counts)
        total = sum(counts.values())
        self.found.setText(f"{total:,} found" if total else "not found")
        current = self._pages[self._page].title
        self.show_page(current if counts[current] else next((name for name in counts if counts[name]), current))
        self.browser.find(words)

    def _mark(self) -> None:
        """Mark all matches on the page."""
        marks = []
        words, document = self.search.text(), self.browser.document()
        cursor = document.find(words) if words else QTextCursor()
        while not cursor.isNull():
            mark = QTextEdit.ExtraSelection()
            mark.cursor = cursor
            color = QColor(theme.colors().accent)
            color.setAlpha(90)
            mark.format.setBackground(color)
            marks.append(mark)
            cursor = document.find(words, cursor)
        self.browser.setExtraSelections(marks)

    def _fill(self, shown: Sequence[Page], counts: Mapping[str, int] | None = None) -> None:
        self.contents.blockSignals(True)
        self.contents.clear()
        for page in shown:
            text = page.title if counts is None else f"{page.title} ({counts[page.title]})"
            item = QTreeWidgetItem(self.contents, [text])
            item.setData(0, Qt.ItemDataRole.UserRole, (page.title, ""))
            for heading in page.headings if counts is None else ():
                QTreeWidgetItem(item, [heading]).setData(0, Qt.ItemDataRole.UserRole, (page.title, heading))
        self.contents.expandAll()
        self.contents.blockSignals(False)

    def _select(self, number: int) -> None:
        """Select a page in the contents without going there."""
        self.contents.blockSignals(True)
        for row in range(self.contents.topLevelItemCount()):
            item = self.contents.topLevelItem(row)
            if item is not None and item.data(0, Qt.ItemDataRole.UserRole)[0] == self._pages[number].title:
                self.contents.setCurrentItem(item)
        self.contents.blockSignals(False)

    def _on_chosen(self) -> None:
        for item in self.contents.selectedItems():
            self.show_page(*item.data(0, Qt.ItemDataRole.UserRole))
            if self.search.text():
                self.browser.find(self.search.text())

    def _on_link(self, link: QUrl) -> None:
        """Follow a link such as `#views` to the page or heading of that name."""
        wanted = link.fragment()
        for page in self._pages:
            for heading in ("", *page.headings):
                if _anchor(heading or page.title) == wanted:
                    self.show_page(page.title, heading)
                    return

    def _scroll_to(self, heading: str) -> None:
        block = self.browser.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and block.text() == heading.replace("`", ""):
                cursor = QTextCursor(block)
                self.browser.moveCursor(QTextCursor.MoveOperation.End)  # so that the heading comes to the top
                self.browser.setTextCursor(cursor)
                self.browser.ensureCursorVisible()
                return
            block = block.next()

    def _focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _button(self, text: str, tip: str, slot: object) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        button.clicked.connect(slot)
        return button

    def _lay_out(self) -> None:
        side = QWidget(self)
        row = QHBoxLayout()
        for widget in (self.search, self._previous, self._next):
            row.addWidget(widget)
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.addLayout(row)
        left.addWidget(self.found)
        left.addWidget(self.contents)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(side)
        splitter.addWidget(self.browser)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([300, 680])
        layout = QVBoxLayout(self)
        layout.addWidget(splitter)
        self.browser.setFocus()

    # Qt overrides

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self._follow_keys()
        super().changeEvent(event)


def _anchor(heading: str) -> str:
    """The name of a heading in links, as Markdown viewers derive it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _keyboard_map(actions: Mapping[str, QAction]) -> str:
    """A table per menu of the commands that have keys."""
    text = (
        "The keys as they are now. *Edit > Preferences > Shortcuts* changes them, one by one or all to those of "
        f"[another program](#{_anchor(PRESETS)})."
    )
    lines = [f"## {KEYBOARD_MAP}", "", text, ""]
    for menu in MENUS:
        lines += [f"### {menu}", "", "| Command | Keys |", "| --- | --- |"]
        for spec in (spec for spec in ACTIONS if spec.menu == menu and actions[spec.id].shortcuts()):
            lines.append(f"| {_name(spec)} | {_keys(actions[spec.id].shortcuts())} |")
        lines.append("")
    return "\n".join(lines)


def _presets() -> str:
    """A table per preset of the commands whose keys it changes."""
    text = (
        "*Edit > Preferences > Shortcuts* gives the commands the keys of a program that you know. Commands that are "
        "not listed here keep their own keys, many of which are the same in these programs."
    )
    lines = [f"## {PRESETS}", "", text, ""]
    for preset, keys in shortcuts.PRESETS.items():
        if keys:
            lines += [*_preset(preset, keys), ""]
    return "\n".join(lines)


def _preset(preset: ShortcutPreset, keys: shortcuts.Chosen) -> list[str]:
    lines = [f"### {shortcuts.TITLES[preset]}", "", "| Command | Keys | LinCAE Studio’s own |", "| --- | --- | --- |"]
    for spec in (spec for spec in ACTIONS if spec.id in keys):
        own, theirs = shortcuts.default_keys(spec), shortcuts.default_keys(spec, preset)
        lines.append(f"| {_name(spec)} | {_keys(theirs)} | {_keys(own)} |")
    return lines


def _name(spec: ActionSpec) -> str:
    return from_menu(spec.text).rstrip("…")


def _keys(keys: Sequence[QKeySequence]) -> str:
    return _escaped(", ".join(key.toString(QKeySequence.SequenceFormat.NativeText) for key in keys))


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text)
