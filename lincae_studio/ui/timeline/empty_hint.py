"""The hint that an empty session shows instead of tracks. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

#: Widest the hint gets, and the margins around its text where there is room for them.
_WIDEST_PX = 680
_MARGINS_PX = (40, 32)
_NARROW_MARGINS_PX = (12, 8)


class EmptyHint(QFrame):
    """Where to drop files, and buttons to get started; in the middle of its parent, and not larger than it.

    Signals:
        import_clicked, demo_clicked: a button was pressed.
    """

    import_clicked = Signal()
    demo_clicked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._area = parent
        self.setObjectName("hint")
        title = QLabel("Drop stems here", self)
        title.setObjectName("hint_title")
        self._text = QLabel(
            "WAV, AIFF, FLAC, OGG, Opus or MP3, mono or stereo, any sample rate. "
            "Each file gets a track; their latents are mixed, and the mix is decoded as you listen.",
            self,
        )
        self._text.setObjectName("hint_text")
        for label in (title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        import_button = QPushButton("Import Audio…", self)
        import_button.clicked.connect(self.import_clicked)
        demo_button = QPushButton("Open Demo Song", self)
        demo_button.clicked.connect(self.demo_clicked)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(import_button)
        buttons.addWidget(demo_button)
        buttons.addStretch(1)
        self._inside = QVBoxLayout(self)
        self._inside.addWidget(title)
        self._inside.addWidget(self._text)
        self._inside.addLayout(buttons)
        parent.installEventFilter(self)
        self._fit()

    def _fit(self) -> None:
        """Take the middle of the parent; where that is small, without margins, and last without the longer text."""
        area = self._area.rect()
        width = min(_WIDEST_PX, area.width() - 8)
        for roomy, explained in ((True, True), (False, True), (False, False)):
            across, down = _MARGINS_PX if roomy else _NARROW_MARGINS_PX
            self._inside.setContentsMargins(across, down, across, down)
            self._inside.setSpacing(14 if roomy else 6)
            self._text.setVisible(explained)
            height = self._inside.totalHeightForWidth(width)
            if height <= area.height() - 8:
                break
        place = QRect(0, 0, width, height)
        place.moveCenter(area.center())
        self.setGeometry(place)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._area and event.type() is QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)
