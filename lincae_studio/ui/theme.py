"""Colours and the application style: dark, light, high contrast. Main thread.

Painting code asks `colors()` each time and widgets are styled by the style sheet below, so choosing another theme
changes both at once.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from lincae_studio.ui.plain_text import STYLE

#: The themes to choose from; "system" follows the desktop.
ThemeChoice = Literal["dark", "light", "contrast", "system"]


#: Contrast ratios that colours chosen by users must reach within a clip: of the waveform and of the outline with the
#: body, and of the name with the strip. (The colours of the palette do by themselves.)
_WAVE_CONTRAST = 4.5
_EDGE_CONTRAST = 1.2
_TEXT_CONTRAST = 4.5


class Colors(Struct, frozen=True):
    """The colours of a theme, as `#rrggbb`.

    Attributes:
        spectrum: colour stops of the spectrogram, from the background to the loudest level.
        heat: colour stops of the latents: negative blue, zero the background, positive orange, with equal contrast.
        ghost: for the preview of files being dropped.
        clip_text: on a clip's colour unless that is dark (see `clip_ink`); likewise `marker_text` on `marker` and
            `mark_text` on checked buttons.
    """

    window: str
    panel: str
    lane: str
    lane_selected: str
    header_selected: str
    line: str
    grid: str
    text: str
    text_dim: str
    text_disabled: str
    accent: str
    ghost: str
    highlight: str
    highlight_text: str
    button: str
    button_hover: str
    checked: str
    groove: str
    handle: str
    handle_hover: str
    playhead: str
    outline: str
    marker: str
    marker_text: str
    envelope: str
    clip_text: str
    clip_muted: str
    mark_mute: str
    mark_solo: str
    mark_subtract: str
    mark_envelope: str
    mark_text: str
    mix_wave: str
    mix_wave_stale: str
    error: str
    state_rendered: str
    state_stale: str
    state_rendering: str
    state_failed: str
    state_previewed: str
    meter: str
    meter_ground: str
    meter_high: str
    meter_clip: str
    meter_clip_text: str
    heat: tuple[tuple[float, str], ...]
    spectrum: tuple[tuple[float, str], ...]

    def clip_body(self, color: QColor) -> QColor:
        """The background of the waveform of a clip of that colour."""
        return color.darker(280) if self is not LIGHT else _mixed(color, QColor("#ffffff"), 0.72)

    def clip_wave(self, color: QColor) -> QColor:
        """The waveform of a clip of that colour."""
        drawn = color.lighter(120) if self is not LIGHT else color.darker(210)
        return _legible(drawn, self.clip_body(color), _WAVE_CONTRAST)

    def clip_edge(self, color: QColor) -> QColor:
        """The outline of a clip of that colour."""
        drawn = color.darker(200) if self is not LIGHT else color.darker(170)
        return _legible(drawn, self.clip_body(color), _EDGE_CONTRAST)

    def clip_ink(self, color: QColor) -> QColor:
        """The text on a clip of that colour: dark, or light where dark could not be read."""
        dark, light = QColor(self.clip_text), QColor("#ffffff")
        return dark if contrast(dark, color) >= min(_TEXT_CONTRAST, contrast(light, color)) else light


DARK = Colors(
    window="#1e2126",
    panel="#262a31",
    lane="#1a1d22",
    lane_selected="#1f2835",
    header_selected="#29384d",
    line="#3a404a",
    grid="#262a31",
    text="#e6e9ee",
    text_dim="#a4acb8",
    text_disabled="#6b7380",
    accent="#5aa9e6",
    ghost="#5aa9e6",
    highlight="#35608a",
    highlight_text="#ffffff",
    button="#353b46",
    button_hover="#3f4652",
    checked="#35506b",
    groove="#40464f",
    handle="#cfd6df",
    handle_hover="#ffffff",
    playhead="#ffffff",
    outline="#ffffff",
    marker="#d9b45c",
    marker_text="#101216",
    envelope="#f2f2c9",
    clip_text="#101216",
    clip_muted="#767d88",
    mark_mute="#e0a458",
    mark_solo="#e6d35a",
    mark_subtract="#d97b93",
    mark_envelope="#f2f2c9",
    mark_text="#101216",
    mix_wave="#b9d7f2",
    mix_wave_stale="#6d7a89",
    error="#e5686b",
    state_rendered="#4caf7a",
    state_stale="#c9b458",
    state_rendering="#e0a458",
    state_failed="#e5686b",
    state_previewed="#5fa8dc",
    meter="#4caf7a",
    meter_ground="#15181c",
    meter_high="#c9b458",
    meter_clip="#e5686b",
    meter_clip_text="#101216",
    heat=((0.0, "#9fd3ff"), (0.25, "#2f7fd0"), (0.5, "#15171b"), (0.75, "#d0702a"), (1.0, "#ffd9a0")),
    spectrum=((0.0, "#15171b"), (0.3, "#3b2a6b"), (0.6, "#b8446a"), (0.8, "#f0913a"), (1.0, "#fff3c4")),
)

LIGHT = Colors(
    window="#e4e7ec",
    panel="#f2f4f7",
    lane="#fbfcfd",
    lane_selected="#eef3f9",
    header_selected="#dbe6f3",
    line="#c3c9d2",
    grid="#e7eaef",
    text="#1a1e24",
    text_dim="#4d5664",
    text_disabled="#8d95a1",
    accent="#0f68b0",
    ghost="#0f68b0",
    highlight="#1f6fb5",
    highlight_text="#ffffff",
    button="#ffffff",
    button_hover="#e8eef6",
    checked="#cfe2f5",
    groove="#c3c9d2",
    handle="#5b6675",
    handle_hover="#2b3440",
    playhead="#14181d",
    outline="#14181d",
    marker="#8a5a00",
    marker_text="#ffffff",
    envelope="#7a3d00",
    clip_text="#101216",
    clip_muted="#a7aeb8",
    mark_mute="#f0b04f",
    mark_solo="#f0dc4a",
    mark_subtract="#ef8fa7",
    mark_envelope="#f3e2a0",
    mark_text="#101216",
    mix_wave="#2c6ea8",
    mix_wave_stale="#828d9b",
    error="#b3261e",
    state_rendered="#1f8a52",
    state_stale="#8f7a12",
    state_rendering="#b86a10",
    state_failed="#c0322b",
    state_previewed="#1f6fae",
    meter="#167a46",
    meter_ground="#cdd3db",
    meter_high="#7a660a",
    meter_clip="#c0322b",
    meter_clip_text="#ffffff",
    heat=((0.0, "#0b3d70"), (0.25, "#4a97db"), (0.5, "#fbfcfd"), (0.75, "#e08a45"), (1.0, "#7a3300")),
    spectrum=((0.0, "#fbfcfd"), (0.3, "#cdb7e6"), (0.6, "#b8446a"), (0.8, "#7a1f5c"), (1.0, "#2a0a33")),
)


#: White and yellow on black: text has at least 7 : 1 (WCAG AAA), borders and controls are as bright as text.
CONTRAST = replace(
    DARK,
    window="#000000",
    panel="#000000",
    lane="#000000",
    lane_selected="#14202c",
    header_selected="#002a4d",
    line="#c8c8c8",
    grid="#3a3a3a",
    text="#ffffff",
    text_dim="#e4e4e4",
    text_disabled="#a8a8a8",
    accent="#ffff00",
    ghost="#ffff00",
    highlight="#ffff00",
    highlight_text="#000000",
    button="#000000",
    button_hover="#303030",
    checked="#004a86",
    groove="#909090",
    handle="#ffffff",
    handle_hover="#ffff00",
    marker="#ffd75f",
    marker_text="#000000",
    envelope="#ffffa0",
    clip_text="#000000",
    clip_muted="#9aa2ad",
    mark_text="#000000",
    mix_wave="#ffffff",
    mix_wave_stale="#9aa2ad",
    error="#ff8f8f",
    state_rendered="#5fe09a",
    state_stale="#ffe75f",
    state_rendering="#ffb35f",
    state_failed="#ff8f8f",
    state_previewed="#7fc8ff",
    meter="#5fe09a",
    meter_ground="#000000",
    meter_high="#ffe75f",
    meter_clip="#ff8f8f",
    meter_clip_text="#000000",
    heat=((0.0, "#c8e6ff"), (0.25, "#3f9bf0"), (0.5, "#000000"), (0.75, "#f08a3a"), (1.0, "#ffe4bf")),
    spectrum=((0.0, "#000000"), (0.3, "#4a35a0"), (0.6, "#e0508a"), (0.8, "#ffa54a"), (1.0, "#ffffff")),
)

THEMES = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST}


class _Chosen:
    """The theme that is shown."""

    colors = DARK


def colors() -> Colors:
    """The colours of the theme that is shown."""
    return _Chosen.colors


def apply_theme(app: QApplication, choice: ThemeChoice = "dark") -> None:
    """Apply a theme: the Fusion style with its palette and style sheet. All widgets are repainted."""
    if choice == "system":
        chosen = LIGHT if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light else DARK
    else:
        chosen = THEMES[choice]
    _Chosen.colors = chosen
    app.setStyle("Fusion")
    palette = QPalette()
    for role, color in (
        (QPalette.ColorRole.Window, chosen.window),
        (QPalette.ColorRole.WindowText, chosen.text),
        (QPalette.ColorRole.Base, chosen.lane),
        (QPalette.ColorRole.AlternateBase, chosen.panel),
        (QPalette.ColorRole.Text, chosen.text),
        (QPalette.ColorRole.PlaceholderText, chosen.text_dim),
        (QPalette.ColorRole.Button, chosen.panel),
        (QPalette.ColorRole.ButtonText, chosen.text),
        (QPalette.ColorRole.BrightText, chosen.error),
        (QPalette.ColorRole.Highlight, chosen.highlight),
        (QPalette.ColorRole.HighlightedText, chosen.highlight_text),
        (QPalette.ColorRole.ToolTipBase, chosen.panel),
        (QPalette.ColorRole.ToolTipText, chosen.text),
        (QPalette.ColorRole.Link, chosen.accent),
    ):
        palette.setColor(role, QColor(color))
    disabled = QPalette.ColorGroup.Disabled
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(disabled, role, QColor(chosen.text_disabled))
    app.setPalette(palette)
    # Fusion derives frames from the colour of windows.
    framed = QPalette(palette)
    framed.setColor(QPalette.ColorRole.Window, QColor(chosen.text_dim))
    app.setPalette(framed, "QCheckBox")  # type: ignore[arg-type]  # the stubs say bytes, which Qt rejects
    for kind in ("QComboBox", "QLineEdit", "QAbstractSpinBox", "QScrollBar"):
        app.setPalette(framed if chosen is CONTRAST else palette, kind)  # type: ignore[arg-type]
    app.setStyleSheet(_style(chosen))


def dim(label: QWidget) -> None:
    """Show a label's text in the colour of secondary text."""
    label.setProperty("dim", True)


def heading(label: QWidget) -> None:
    """Show a label's text as a heading."""
    label.setProperty("heading", True)


def contrast(one: QColor, other: QColor) -> float:
    """How well two colours can be told apart, 1 to 21: the contrast ratio of WCAG 2.2."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    """The relative luminance of WCAG 2.2, 0 to 1."""
    parts = (color.redF(), color.greenF(), color.blueF())
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _legible(color: QColor, ground: QColor, least: float) -> QColor:
    """That colour, mixed with enough white or black to stand out from the background."""
    white, black = QColor("#ffffff"), QColor("#000000")
    end = max(white, black, key=lambda extreme: contrast(extreme, ground))
    shares = (step / 10 for step in range(11))
    return next(
        (mixed for mixed in (_mixed(color, end, share) for share in shares) if contrast(mixed, ground) >= least), end
    )


def _mixed(color: QColor, other: QColor, share: float) -> QColor:
    parts = ((color.red(), other.red()), (color.green(), other.green()), (color.blue(), other.blue()))
    return QColor(*(round(one + (two - one) * share) for one, two in parts))


def _style(c: Colors) -> str:
    return f"""
{STYLE}
QToolTip {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; padding: 3px; }}
QToolBar {{ background: {c.panel}; border: 0; border-bottom: 1px solid {c.line}; spacing: 3px; padding: 4px 8px; }}
QToolButton {{ padding: 4px 6px; border: 1px solid transparent; border-radius: 4px; color: {c.text}; }}
QToolButton:hover {{ background: {c.button_hover}; }}
QToolButton:disabled {{ color: {c.text_disabled}; }}
QToolButton:checked {{ background: {c.checked}; border-color: {c.accent}; }}
QFileDialog QToolButton {{ background: {c.button if c is LIGHT else c.handle}; padding: 2px; }}
QFileDialog QToolButton:hover {{ background: {c.handle_hover if c is not LIGHT else c.button_hover}; }}
QFileDialog QToolButton:disabled {{ background: transparent; }}
QToolButton:focus, QPushButton:focus, QSlider:focus {{ border: 1px solid {c.accent}; border-radius: 4px; }}
QStatusBar {{ background: {c.panel}; border-top: 1px solid {c.line}; color: {c.text_dim}; }}
QStatusBar QLabel {{ color: {c.text_dim}; padding: 0 8px; }}
QStatusBar::item {{ border: 0; }}
QPushButton {{
    background: {c.button}; border: 1px solid {c.line}; border-radius: 4px; padding: 5px 14px; color: {c.text};
}}
QPushButton:hover {{ background: {c.button_hover}; }}
QPushButton:default {{ border-color: {c.accent}; }}
QPushButton:disabled {{ color: {c.text_disabled}; }}
QSlider::groove:horizontal {{ height: 4px; background: {c.groove}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 10px; height: 14px; margin: -5px 0; border-radius: 3px; background: {c.handle}; }}
QSlider::handle:horizontal:hover {{ background: {c.handle_hover}; }}
QSlider::handle:horizontal:disabled {{ background: {c.groove}; }}
QSplitter::handle {{ background: {c.line}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QMenu::separator {{ height: 1px; background: {c.line}; margin: 4px 8px; }}
QLabel[dim="true"] {{ color: {c.text_dim}; }}
QLabel[heading="true"] {{ font-weight: 600; }}
QLineEdit#clock {{
    font-size: 18px; font-family: monospace; padding: 2px 6px; border: 1px solid transparent; border-radius: 4px;
    background: transparent; color: {c.text};
}}
QLineEdit#marker_name {{
    border: 1px solid {c.accent}; border-radius: 2px; padding: 0 2px; background: {c.lane}; color: {c.text};
}}
QLineEdit#clock:hover {{ background: {c.button_hover}; }}
QLineEdit#clock:focus {{ background: {c.lane}; border-color: {c.accent}; }}
QLabel#hint_title {{ font-size: 22px; font-weight: 600; border: 0; }}
QLabel#hint_text {{ color: {c.text_dim}; border: 0; }}
QFrame#welcome {{ border: 1px solid {c.line}; border-radius: 12px; background: {c.panel}; }}
QFrame#hint {{ border: 2px dashed {c.line}; border-radius: 12px; background: {c.lane}; }}
MessageCard {{
    background: {c.button}; border: 1px solid {c.line}; border-left: 5px solid {c.accent};
    border-top-right-radius: 4px; border-bottom-right-radius: 4px;
}}
MessageCard[kind="warning"] {{ border-left-color: {c.state_rendering}; }}
MessageCard[kind="error"] {{ border-left-color: {c.error}; }}
MessageCard:focus {{ border-color: {c.accent}; }}
MessageCard QLabel#sign {{
    background: {c.accent}; color: {c.panel}; border-radius: 9px; font-weight: 600;
    min-width: 18px; max-width: 18px; min-height: 18px; max-height: 18px;
}}
MessageCard QLabel#sign[kind="warning"] {{ background: {c.state_rendering}; }}
MessageCard QLabel#sign[kind="error"] {{ background: {c.error}; }}
QScrollArea#column QScrollBar:vertical {{ width: 8px; background: {c.panel}; border: 0; margin: 0; }}
QScrollArea#column QScrollBar::handle:vertical {{
    background: {c.text_disabled}; border-radius: 3px; min-height: 16px;
}}
QScrollArea#column QScrollBar::add-line:vertical, QScrollArea#column QScrollBar::sub-line:vertical {{ height: 0; }}
QWidget#gap {{ background: {c.accent}; }}
QWidget#into {{ border: 3px solid {c.accent}; background: transparent; }}
TrackHeader QLineEdit, MasterStrip QLineEdit {{
    background: transparent; border: 1px solid transparent; border-radius: 3px; padding: 0 3px; color: {c.text};
}}
TrackHeader ValueField:hover, MasterStrip ValueField:hover {{ border-color: {c.line}; }}
TrackHeader QLineEdit:focus, MasterStrip QLineEdit:focus {{ background: {c.lane}; border-color: {c.accent}; }}
TrackHeader ValueField[refused="true"], MasterStrip ValueField[refused="true"] {{ border-color: {c.error}; }}
TrackHeader QLineEdit#name {{ font-weight: 600; }}
TrackHeader QToolButton, MasterStrip QToolButton {{ border: 1px solid {c.line}; border-radius: 4px; padding: 0; }}
TrackHeader QToolButton:focus, MasterStrip QToolButton:focus {{ border-color: {c.accent}; }}
TrackHeader QToolButton#mute:checked {{ background: {c.mark_mute}; color: {c.mark_text}; }}
TrackHeader QToolButton#solo:checked {{ background: {c.mark_solo}; color: {c.mark_text}; }}
TrackHeader QToolButton#subtract:checked {{ background: {c.mark_subtract}; color: {c.mark_text}; }}
QToolButton#envelope[points="true"]:!focus {{ border: 1px dashed {c.envelope}; }}
QToolButton#insert[idle="true"]:!focus {{ border: 1px dashed {c.envelope}; }}
QToolButton#insert:checked {{ background: {c.mark_envelope}; color: {c.mark_text}; }}
QToolButton#envelope:checked {{ background: {c.mark_envelope}; color: {c.mark_text}; }}
"""
