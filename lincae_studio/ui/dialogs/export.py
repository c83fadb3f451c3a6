"""The export dialog: what is written, how, where; with presets, and a summary of the files that will come."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.engine.export.items import paths_of, span_of
from lincae_studio.errors import ExportError
from lincae_studio.export_settings import (
    PRESETS,
    SAMPLE_FORMATS,
    AudioFormat,
    Channels,
    Container,
    Content,
    ExportSettings,
    Level,
    Rate,
    SampleFormat,
)
from lincae_studio.media.probe import EXTENSIONS
from lincae_studio.media.writer import ENDINGS, SAMPLE_FORMAT_TITLES, channels_of
from lincae_studio.session.model import SESSION_RATE
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.rendering.rendering import Rendering

_CONTAINER_TITLES: dict[Container, str] = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG Vorbis", "mp3": "MP3"}

_CONTENT_TITLES: dict[Content, tuple[str, str]] = {
    "mix": ("&Mix", "The mix as it is heard, from latents"),
    "dry": ("&Dry mix", "The same mix with no codec"),
    "difference": ("D&ifference", "The mix less the dry one: what the codec changes"),
    "tracks": ("S&tems", "Each track by itself, from latents, after its fader"),
    "latents": ("&Latents", "The summed latents of the mix, as numbers"),
}

_CHANNEL_TITLES: dict[Channels, str] = {"mix": "as the mix", "mono": "mono", "stereo": "stereo"}

_LEVEL_TITLES = {"none": "as it is", "peak": "normalise the peak", "loudness": "normalise the loudness"}

_LATENT_TITLES = {"safetensors": "safetensors", "npz": "NumPy (npz)"}

#: Targets that are set when the kind of level is chosen.
_TARGETS_DB = {"none": -1.0, "peak": -1.0, "loudness": -14.0}

_QUALITY_STEPS = 10

#: Files that the summary names.
_NAMED = 3

_CUSTOM = "(changed)"


class ExportDialog(QDialog):
    """Asks for all of `ExportSettings`, a file and a title."""

    def __init__(
        self,
        rendering: Rendering,
        preferences: PreferenceStore,
        suggested: Path,
        selection: tuple[int, int] | None,
        may_export: Callable[[ExportDialog], bool],
        parent: QWidget,
    ) -> None:
        """What is suggested, and what is asked.

        Args:
            suggested: the first name, with the ending of the format used last.
            selection: in samples, if any.
            may_export: asks before files are replaced; where it says no, the dialog stays.
        """
        super().__init__(parent)
        self.setWindowTitle("Export")
        self._rendering = rendering
        self._preferences = preferences
        self._folder = suggested.parent
        self._selection = selection
        self._may_export = may_export
        self._filling = False
        session = rendering.session
        self.preset_box = QComboBox(self)  # it shows which preset the others are: a change of it is no change of them
        self.preset_box.setAccessibleName("Preset")
        self._save_preset = self._button("Sa&ve As…", "Keep these settings under a name", self._on_save_preset)
        self._delete_preset = self._button("Delete", "Forget this preset", self._on_delete_preset)
        self.path_field = QLineEdit(str(suggested), self)
        self.path_field.setAccessibleName("File")
        browse = self._button("&Browse…", "Choose the file", self._on_browse)
        self.contents: dict[Content, QCheckBox] = {}
        for content in get_args(Content):
            text, tip = _CONTENT_TITLES[content]
            self.contents[content] = box = QCheckBox(text, self)
            box.setToolTip(tip)
            box.toggled.connect(self._on_changed)
        self.stems_box = self._combo("Which stems", {"heard": "of what is heard", "all": "of all tracks"})
        self.latents_box = self._combo("Format of latents", _LATENT_TITLES)
        spans = {"all": "All"}
        if session.loop is not None:
            spans["loop"] = "Loop"
        if selection is not None:
            spans["selection"] = "Selected clips"
        self.span_box = self._combo("Span", spans)
        self.tail = self._spin("Tail", 0.0, 60.0, " s", "Seconds after the end that are written, too")
        self.container_box = self._combo("File format", _CONTAINER_TITLES)
        self.format_box = self._combo("Sample format", SAMPLE_FORMAT_TITLES)
        self.quality = QSlider(Qt.Orientation.Horizontal, self)
        self.quality.setRange(0, _QUALITY_STEPS)
        self.quality.setAccessibleName("Quality")
        self.quality.setToolTip("Left: small files, right: good ones")
        self.quality.valueChanged.connect(self._on_changed)
        self.quality_text = _label("")
        self.rate_box = self._combo("Sample rate", {rate: f"{rate / 1000:g} kHz" for rate in get_args(Rate)})
        self.channels_box = self._combo("Channels", _CHANNEL_TITLES)
        self.dither = QCheckBox("Dit&her (TPDF)", self)
        self.dither.setToolTip("Noise of one step where samples are rounded to 16 bits: errors are no distortion then")
        self.dither.toggled.connect(self._on_changed)
        self.level_box = self._combo("Level", _LEVEL_TITLES)
        self.target = self._spin("Target", -70.0, 0.0, " LUFS", "What the level is brought to")
        self.true_peak = self._spin("True peak", -70.0, 0.0, " dBTP", "No file is made louder than this")
        self.together = QCheckBox("all files ali&ke", self)
        self.together.setToolTip("Change all files by the same gain, so that stems still add up to the mix")
        self.together.toggled.connect(self._on_changed)
        self.title_field = QLineEdit(suggested.stem, self)
        self.title_field.setAccessibleName("Title")
        self.artist_field = QLineEdit(self)
        self.artist_field.setAccessibleName("Artist")
        self.summary = QLabel(self)
        self.summary.setWordWrap(True)
        self.summary.setTextFormat(Qt.TextFormat.PlainText)
        theme.dim(self.summary)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._export = self.buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self._export.setDefault(True)
        self._lay_out(browse)
        self.path_field.textChanged.connect(self._on_path_changed)
        self.container_box.currentIndexChanged.connect(self._on_container_changed)
        self.level_box.currentIndexChanged.connect(self._on_level_changed)
        self.preset_box.activated.connect(self._on_preset_chosen)
        self.artist_field.textChanged.connect(self._on_changed)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._list_presets()
        self.fill(preferences.value.export)
        self.path_field.setFocus()
        self.path_field.selectAll()

    @property
    def path(self) -> Path:
        """The chosen file, with the format's ending where none was typed."""
        path = Path(os.path.expanduser(self.path_field.text().strip()))
        path = self._folder / path  # what was typed without a folder belongs beside what was suggested
        # Another audio format is refused later, with a reason; any other dot belongs to the name.
        if self.settings.contents == ("latents",) and path.suffix.lower() in (".safetensors", ".npz"):
            return path
        ending = ENDINGS[self.settings.format.container][0]
        return path if path.suffix.lower()[1:] in EXTENSIONS else path.with_name(f"{path.name}{ending}")

    @property
    def paths(self) -> list[Path]:
        """All files that will be written."""
        return paths_of(self._rendering.session, self.settings, self.path)

    @property
    def title(self) -> str:
        return self.title_field.text().strip()

    @property
    def settings(self) -> ExportSettings:
        """What is asked for."""
        container: Container = self.container_box.currentData() or "wav"
        sample_format: SampleFormat = self.format_box.currentData() or "32f"
        return ExportSettings(
            format=AudioFormat(
                container=container,
                sample_format=sample_format,
                sample_rate=self.rate_box.currentData(),
                channels=self.channels_box.currentData(),
                dither=self.dither.isChecked(),
                quality=self.quality.value() / _QUALITY_STEPS,
            ),
            level=Level(
                normalize=self.level_box.currentData(),
                target_db=round(self.target.value(), 1),
                true_peak_db=round(self.true_peak.value(), 1),
                together=self.together.isChecked(),
            ),
            contents=tuple(content for content, box in self.contents.items() if box.isChecked()),
            stems=self.stems_box.currentData(),
            span=self.span_box.currentData(),
            tail_s=round(self.tail.value(), 2),
            artist=self.artist_field.text().strip()[:200],
            latents=self.latents_box.currentData(),
        )

    def fill(self, settings: ExportSettings) -> None:
        """Show settings; a span that is not there becomes all."""
        self._filling = True
        audio_format, level = settings.format, settings.level
        self._choose(self.container_box, audio_format.container)
        self._list_sample_formats()
        self._choose(self.format_box, audio_format.sample_format)
        self._choose(self.rate_box, audio_format.sample_rate)
        self._choose(self.channels_box, audio_format.channels)
        self.dither.setChecked(audio_format.dither)
        self.quality.setValue(round(audio_format.quality * _QUALITY_STEPS))
        self._choose(self.level_box, level.normalize)
        self.target.setValue(level.target_db)
        self.true_peak.setValue(level.true_peak_db)
        self.together.setChecked(level.together)
        for content, box in self.contents.items():
            box.setChecked(content in settings.contents)
        self._choose(self.stems_box, settings.stems)
        self._choose(self.latents_box, settings.latents)
        self._choose(self.span_box, settings.span)
        self.tail.setValue(settings.tail_s)
        self.artist_field.setText(settings.artist)
        self._filling = False
        self._fit_ending()
        self._on_changed()

    # Building

    def _lay_out(self, browse: QPushButton) -> None:
        form = QFormLayout()
        form.addRow(
            _buddy("&Preset", self.preset_box), _row(self.preset_box, self._save_preset, self._delete_preset, stretch=0)
        )
        form.addRow(_buddy("&File", self.path_field), _row(self.path_field, browse, stretch=0))
        boxes = self.contents
        form.addRow("Write", _row(boxes["mix"], boxes["dry"], boxes["difference"]))
        form.addRow("", _row(boxes["tracks"], self.stems_box, boxes["latents"], self.latents_box))
        form.addRow(_buddy("Spa&n", self.span_box), _row(self.span_box, _label("tail"), self.tail))
        form.addRow(
            _buddy("F&ormat", self.container_box),
            _row(self.container_box, self.format_box, self.quality, self.quality_text),
        )
        form.addRow("", _row(self.rate_box, self.channels_box, self.dither))
        form.addRow(
            _buddy("L&evel", self.level_box), _row(self.level_box, self.target, _label("true peak"), self.true_peak)
        )
        form.addRow("", _row(self.together))
        form.addRow("Tit&le", self.title_field)
        form.addRow("&Artist", self.artist_field)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.summary)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(640)

    def _combo(self, name: str, choices: Mapping[Any, str]) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        for key, title in choices.items():
            box.addItem(title, key)
        box.currentIndexChanged.connect(self._on_changed)
        return box

    def _spin(self, name: str, least: float, most: float, suffix: str, tip: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox(self)
        box.setRange(least, most)
        box.setDecimals(1)
        box.setSuffix(suffix)
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.valueChanged.connect(self._on_changed)
        return box

    def _button(self, text: str, tip: str, clicked: object) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _list_sample_formats(self) -> None:
        """Those that the chosen container can hold."""
        container: Container = self.container_box.currentData()
        before = self.format_box.currentData()
        self.format_box.blockSignals(True)
        self.format_box.clear()
        for sample_format in SAMPLE_FORMATS.get(container, ()):
            self.format_box.addItem(SAMPLE_FORMAT_TITLES[sample_format], sample_format)
        self._choose(self.format_box, before)
        self.format_box.blockSignals(False)
        self.format_box.setVisible(container in SAMPLE_FORMATS)
        self.quality.setVisible(container not in SAMPLE_FORMATS)
        self.quality_text.setVisible(container not in SAMPLE_FORMATS)

    @staticmethod
    def _choose(box: QComboBox, value: object) -> None:
        place = box.findData(value)
        box.setCurrentIndex(max(0, place))

    # Following

    def _on_path_changed(self) -> None:
        """A format that is typed is a format that is chosen."""
        suffix = Path(self.path_field.text().strip()).suffix.lower()
        for container, endings in ENDINGS.items():
            if suffix in endings and container != self.container_box.currentData():
                self._choose(self.container_box, container)
        self._on_changed()

    def _on_container_changed(self) -> None:
        self._list_sample_formats()
        self._fit_ending()
        self._on_changed()

    def _fit_ending(self) -> None:
        """The name ends as the format wants it, if it ended as another one did."""
        text = self.path_field.text()
        suffix = Path(text.strip()).suffix
        wanted = ENDINGS[self.container_box.currentData()]
        known = [ending for endings in ENDINGS.values() for ending in endings]
        if suffix.lower() in known and suffix.lower() not in wanted:
            self.path_field.setText(text.strip()[: -len(suffix)] + wanted[0])

    def _on_level_changed(self) -> None:
        if not self._filling:
            self.target.setValue(_TARGETS_DB[self.level_box.currentData()])

    def _on_changed(self) -> None:
        if self._filling:
            return
        settings = self.settings
        self.quality_text.setText(f"quality {self.quality.value()} of {_QUALITY_STEPS}")
        changed = settings.level.normalize != "none"
        self.target.setSuffix(" LUFS" if settings.level.normalize == "loudness" else " dBFS")
        for widget in (self.target, self.true_peak, self.together):
            widget.setEnabled(changed)
        self.stems_box.setEnabled("tracks" in settings.contents)
        self.latents_box.setEnabled("latents" in settings.contents)
        self.dither.setEnabled(not settings.format.lossy and settings.format.sample_format == "16")
        named = bool(Path(self.path_field.text().strip()).name)
        problem = self._problem(settings)
        self.summary.setText(problem or (self._described(settings) if named else ""))
        self._export.setEnabled(named and not problem)
        self._show_preset(settings)

    def _problem(self, settings: ExportSettings) -> str:
        if not settings.contents:
            return "Choose what is to be written."
        if settings.format.problem:
            return f"{settings.format.problem}."
        try:
            span_of(self._rendering.session, settings, self._selection)
            if not paths_of(self._rendering.session, settings, Path("x.wav")):
                return "No track is heard: there are no stems to write."
        except ExportError as error:
            return str(error)
        return ""

    def _described(self, settings: ExportSettings) -> str:
        session, plan = self._rendering.session, self._rendering.update_plan()
        start, end = span_of(session, settings, self._selection)
        count = channels_of(settings.format, plan.channels)
        parts = [
            format_time((end - start) / SESSION_RATE),
            "stereo" if count == 2 else "mono",
            f"{settings.format.sample_rate / 1000:g} kHz",
            f"codec {plan.codec.title}",
        ]
        names = [path.name for path in self.paths]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        files = f"{len(names)} files: {', '.join(names[:_NAMED])}{more}" if len(names) > 1 else names[0]
        return f"{files}\n{', '.join(parts)}"

    # Presets

    def _list_presets(self) -> None:
        self.preset_box.blockSignals(True)
        self.preset_box.clear()
        for name in (*PRESETS, *self._preferences.value.export_presets):
            self.preset_box.addItem(name, name)
        self.preset_box.addItem(_CUSTOM, "")
        self.preset_box.blockSignals(False)

    def _presets(self) -> dict[str, ExportSettings]:
        return PRESETS | self._preferences.value.export_presets

    def _show_preset(self, settings: ExportSettings) -> None:
        """The preset that the settings are, but for the artist."""
        found = ""
        for name, preset in self._presets().items():
            if msgspec.structs.replace(preset, artist=settings.artist) == settings:
                found = name
        self.preset_box.blockSignals(True)
        self._choose(self.preset_box, found)
        if not found:
            self.preset_box.setCurrentIndex(self.preset_box.count() - 1)
        self.preset_box.blockSignals(False)
        self._delete_preset.setEnabled(found in self._preferences.value.export_presets)

    def _on_preset_chosen(self) -> None:
        preset = self._presets().get(self.preset_box.currentData())
        if preset is not None:
            self.fill(msgspec.structs.replace(preset, artist=preset.artist or self.artist_field.text().strip()))

    def _on_save_preset(self) -> None:
        name, given = QInputDialog.getText(self, "Save Preset", "Name", QLineEdit.EchoMode.Normal, "")
        name = name.strip()[:100]
        if not given or not name:
            return
        if name in PRESETS:
            QMessageBox.information(self, "Save Preset", f"“{name}” is one of the program's own. Choose another name.")
            return
        question = f"There is a preset “{name}”. Replace it?"
        known = name in self._preferences.value.export_presets
        if not known or QMessageBox.question(self, "Save Preset", question) == QMessageBox.StandardButton.Yes:
            self._preferences.set(export_presets=self._preferences.value.export_presets | {name: self.settings})
            self._list_presets()
            self._on_changed()

    def _on_delete_preset(self) -> None:
        name = self.preset_box.currentData()
        kept = {other: preset for other, preset in self._preferences.value.export_presets.items() if other != name}
        self._preferences.set(export_presets=kept)
        self._list_presets()
        self._on_changed()

    def _on_browse(self) -> None:
        # Whether to replace files is asked once, on export.
        options = QFileDialog.Option.DontConfirmOverwrite
        kinds = ";;".join(
            f"{_CONTAINER_TITLES[container]} audio ({' '.join(f'*{ending}' for ending in endings)})"
            for container, endings in ENDINGS.items()
        )
        name, _ = QFileDialog.getSaveFileName(self, "Export", self.path_field.text(), kinds, options=options)
        if name:
            self.path_field.setText(name)

    # Qt overrides

    def accept(self) -> None:
        if self._may_export(self):
            super().accept()


def _row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Widgets beside each other; the one of number `stretch` takes the room that is left."""
    row = QHBoxLayout()
    for number, widget in enumerate(widgets):
        row.addWidget(widget, 1 if number == stretch else 0)
    if stretch is None:
        row.addStretch(1)
    return row


def _buddy(text: str, widget: QWidget) -> QLabel:
    """The label of a row of several widgets; its letter leads to one of them."""
    label = QLabel(text)
    label.setBuddy(widget)
    return label


def _label(text: str) -> QLabel:
    label = QLabel(text)
    theme.dim(label)
    return label
