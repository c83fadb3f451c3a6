"""Colours and the application style. Values only; widgets look colours up by name."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

WINDOW = "#1e2126"
PANEL = "#262a31"
LANE = "#1a1d22"
LANE_SELECTED = "#20242b"
LINE = "#3a404a"
TEXT = "#e6e9ee"
TEXT_DIM = "#a4acb8"
ACCENT = "#5aa9e6"
PLAYHEAD = "#ffffff"
MARKER = "#d9b45c"
ENVELOPE = "#f2f2c9"
CLIP_TEXT = "#101216"
MIX_WAVE = "#b9d7f2"
MIX_WAVE_STALE = "#5a6572"
WARNING = "#e0a458"
ERROR = "#e5686b"

#: Colours of the render states; each has a pattern of its own as well (render_bar).
STATE_RENDERED = "#4caf7a"
STATE_STALE = "#c9b458"
STATE_RENDERING = "#e0a458"
STATE_FAILED = "#e5686b"

#: Latents: negative blue, zero dark, positive orange; equally light on both sides.
HEAT_STOPS = ((0.0, "#9fd3ff"), (0.25, "#2f7fd0"), (0.5, "#15171b"), (0.75, "#d0702a"), (1.0, "#ffd9a0"))

_STYLE = f"""
QToolTip {{ background: {PANEL}; color: {TEXT}; border: 1px solid {LINE}; padding: 3px; }}
QToolBar {{ background: {PANEL}; border: 0; border-bottom: 1px solid {LINE}; spacing: 3px; padding: 4px 8px; }}
QToolButton {{ padding: 4px 6px; border: 1px solid transparent; border-radius: 4px; }}
QToolButton:hover {{ background: #333944; }}
QToolButton:checked {{ background: #35506b; border-color: {ACCENT}; }}
QToolButton:focus, QPushButton:focus, QSlider:focus {{ border: 1px solid {ACCENT}; border-radius: 4px; }}
QStatusBar {{ background: {PANEL}; border-top: 1px solid {LINE}; color: {TEXT_DIM}; }}
QStatusBar QLabel {{ color: {TEXT_DIM}; padding: 0 8px; }}
QStatusBar::item {{ border: 0; }}
QPushButton {{ background: #353b46; border: 1px solid {LINE}; border-radius: 4px; padding: 5px 14px; color: {TEXT}; }}
QPushButton:hover {{ background: #3f4652; }}
QPushButton:default {{ border-color: {ACCENT}; }}
QPushButton:disabled {{ color: #6b7380; }}
QSlider::groove:horizontal {{ height: 4px; background: #40464f; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 10px; height: 14px; margin: -5px 0; border-radius: 3px; background: #cfd6df; }}
QSlider::handle:horizontal:hover {{ background: #ffffff; }}
QSplitter::handle {{ background: {LINE}; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 4px 8px; }}
"""


def apply_theme(app: QApplication) -> None:
    """Fusion style with the dark palette."""
    app.setStyle("Fusion")
    palette = QPalette()
    for role, color in (
        (QPalette.ColorRole.Window, WINDOW),
        (QPalette.ColorRole.WindowText, TEXT),
        (QPalette.ColorRole.Base, LANE),
        (QPalette.ColorRole.AlternateBase, PANEL),
        (QPalette.ColorRole.Text, TEXT),
        (QPalette.ColorRole.PlaceholderText, TEXT_DIM),
        (QPalette.ColorRole.Button, PANEL),
        (QPalette.ColorRole.ButtonText, TEXT),
        (QPalette.ColorRole.BrightText, ERROR),
        (QPalette.ColorRole.Highlight, "#35608a"),
        (QPalette.ColorRole.HighlightedText, "#ffffff"),
        (QPalette.ColorRole.ToolTipBase, PANEL),
        (QPalette.ColorRole.ToolTipText, TEXT),
        (QPalette.ColorRole.Link, ACCENT),
    ):
        palette.setColor(role, QColor(color))
    disabled = QPalette.ColorGroup.Disabled
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(disabled, role, QColor("#6b7380"))
    app.setPalette(palette)
    boxes = QPalette(palette)
    boxes.setColor(QPalette.ColorRole.Window, QColor(TEXT_DIM))  # Fusion takes an empty box's frame from it
    app.setPalette(boxes, "QCheckBox")  # type: ignore[arg-type]  # the stubs ask for bytes, which are refused
    app.setStyleSheet(_STYLE)
