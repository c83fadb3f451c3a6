"""The welcome of the first start, over the empty window: how to begin, and which keys to use. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.ui import theme
from lincae_studio.ui.actions import shortcuts
from lincae_studio.ui.model.preference_store import PreferenceStore

#: Widest the panel gets, its distance from the borders of its parent at least, and the margins around its content
#: where there is room for them.
_WIDEST_PX = 660
_APART_PX = 8
_MARGIN_PX = 24
_NARROW_MARGIN_PX = 10

#: The share of the room above and below that is above: there are the tracks.
_ABOVE = 0.3


class Welcome(QFrame):
    """Lies over its parent and is not larger: where that is small, it shows its buttons only, or scrolls.

    Escape closes it.

    Signals:
        demo_clicked, import_clicked: a button was pressed.
        closed: the panel is closed by the user.
    """

    demo_clicked = Signal()
    import_clicked = Signal()
    closed = Signal()

    def __init__(self, preferences: PreferenceStore, codecs: QMenu, codec_text: str, parent: QWidget) -> None:
        """`codecs`: the ways to get a neural codec, which `codec_text` describes."""
        super().__init__(parent)
        self._area = parent
        self._preferences = preferences
        self.setObjectName("welcome")
        self.setAccessibleName("Welcome")
        self.demo = self._button("Open Demo Song")
        self.demo.clicked.connect(self.demo_clicked)
        self.import_audio = self._button("Import Audio…")
        self.import_audio.clicked.connect(self.import_clicked)
        self.codec = self._button("Get a Neural Codec")
        self.codec.setMenu(codecs)
        self.keys = QComboBox(self)
        self.keys.setAccessibleName("Keyboard shortcuts")
        for preset, title in shortcuts.TITLES.items():
            self.keys.addItem(f"Keys of {title}", preset)
        self.keys.activated.connect(lambda: preferences.set(shortcut_preset=self.keys.currentData()))
        self.close_button = QToolButton(self)
        self.close_button.setText("✕")
        self.close_button.setToolTip("Close (Escape)")
        self.close_button.setAccessibleName("Close")
        self.close_button.clicked.connect(self.closed)
        self._rows: tuple[tuple[QWidget, str], ...] = (
            (self.demo, "Six stems of a short song. Play it, move a fader, and hear and see the latent mix follow."),
            (
                self.import_audio,
                "Or drop files into the window: WAV, AIFF, FLAC, OGG, Opus or MP3, any sample rate. Each file gets a "
                "track; their latents are mixed, and the mix is decoded as you listen.",
            ),
            (self.codec, codec_text),
            (self.keys, "The shortcuts of a program that you know. Edit > Preferences > Shortcuts changes them."),
        )
        #: The texts that are left out where there is no room.
        self._texts: list[QLabel] = []
        self._lay_out()
        for before, after in zip(self._stops(), self._stops()[1:], strict=False):
            QWidget.setTabOrder(before, after)
        parent.installEventFilter(self)
        preferences.changed.connect(self._show_preset)
        self._show_preset()
        self._fit()

    def _stops(self) -> list[QWidget]:
        """The controls that Tab reaches, in order."""
        return [*(control for control, _ in self._rows), self.close_button]

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(True)  # so that Return presses it
        return button

    def _show_preset(self) -> None:
        self.keys.setCurrentIndex(self.keys.findData(self._preferences.value.shortcut_preset))

    def _lay_out(self) -> None:
        title = QLabel("Welcome to LinCAE Studio", self)
        title.setObjectName("hint_title")
        title.setWordWrap(True)
        top = QHBoxLayout()
        top.addWidget(title, 1)
        top.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        about = self._text("A multitrack editor whose mixer works in the latent space of an audio codec.")
        again = self._text("Help > Welcome shows this again.")
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(1, 1)
        for row, (control, text) in enumerate(self._rows):
            grid.addWidget(control, row, 0, Qt.AlignmentFlag.AlignTop)
            description = self._text(text)
            grid.addWidget(description, row, 1)
            control.setToolTip(text)
            control.setAccessibleDescription(text)
        width = max(control.sizeHint().width() for control, _ in self._rows)
        for control, _ in self._rows:
            control.setFixedWidth(width)
        self._inside = QWidget()
        layout = QVBoxLayout(self._inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(about)
        layout.addSpacing(8)
        layout.addLayout(grid)
        layout.addSpacing(4)
        layout.addWidget(again)
        self._grid, self._scroll = grid, QScrollArea(self)
        self._scroll.setObjectName("column")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(self._inside)
        for part in (self._inside, self._scroll.viewport()):
            part.setAutoFillBackground(False)
        outside = QVBoxLayout(self)
        outside.addWidget(self._scroll)

    def _text(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setWordWrap(True)
        theme.dim(label)
        self._texts.append(label)
        return label

    def _fit(self) -> None:
        """Take a place in the upper part of the parent, where that is small with less space, and last without text."""
        area = self._area.rect()
        width = min(_WIDEST_PX, area.width() - 2 * _APART_PX)
        outside, inside = self.layout(), self._inside.layout()
        assert outside is not None, "made with the panel"
        assert inside is not None, "made with the panel"
        highest, frame = area.height() - 2 * _APART_PX, 2 * self.frameWidth()
        height = highest
        for margin, described in ((_MARGIN_PX, True), (_NARROW_MARGIN_PX, True), (_NARROW_MARGIN_PX, False)):
            for label in self._texts:
                label.setVisible(described)
            outside.setContentsMargins(margin, margin, margin, margin)
            self._grid.setVerticalSpacing(margin // 2)
            inside.invalidate()
            height = inside.totalHeightForWidth(width - 2 * margin - frame) + 2 * margin + frame
            if height <= highest:
                break
        height = min(height, highest)
        top = max(_APART_PX, round((area.height() - height) * _ABOVE))
        self.setGeometry(QRect((area.width() - width) // 2, top, width, height))

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._area and event.type() is QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()  # now in the fonts of the style sheet

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
