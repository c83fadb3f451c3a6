"""The export dialog: what to write, how and where, with presets and a summary of the resulting files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.engine.export.items import default_title, parts_of, paths_of, span_of
from lincae_studio.errors import ExportError
from lincae_studio.export_settings import (
    AudioFormat,
    Channels,
    Container,
    Content,
    ExportSettings,
    Level,
    Rate,
    SampleFormat,
)
from lincae_studio.media.formats import FORMATS, SAMPLE_FORMAT_TITLES, container_of, format_problem, is_lossy
from lincae_studio.media.probe import EXTENSIONS
from lincae_studio.media.writer import channels_of
from lincae_studio.session.rates import in_khz
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.decodes_row import DecodesRow
from lincae_studio.ui.dialogs.export_presets import PresetRow
from lincae_studio.ui.dialogs.level_estimate import LevelEstimate
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.following_slider import FollowingSlider

_CONTENT_TITLES: dict[Content, tuple[str, str]] = {
    "mix": ("&Mix", "The latent mix, as heard"),
    "dry": ("Dr&y mix", "The same mix without the codec"),
    "difference": ("D&ifference", "The latent mix minus the dry mix: what the codec changes"),
    "tracks": ("S&tems", "Each track or group on its own, decoded from latents, after its fader, groups and master"),
    "latents": ("Latent&s", "The summed latents of the mix, as an array"),
}

_CHANNEL_TITLES: dict[Channels, str] = {"mix": "Same as mix", "mono": "Mono", "stereo": "Stereo"}

_LEVEL_TITLES = {"none": "Unchanged", "peak": "Normalise peak", "loudness": "Normalise loudness"}

_LATENT_TITLES = {"safetensors": "safetensors", "npz": "NumPy (npz)"}

#: Default target of each kind of level.
_TARGETS_DB = {"none": -1.0, "peak": -1.0, "loudness": -14.0}

_QUALITY_STEPS = 10

#: Number of files that the summary lists by name.
_NAMED = 3


class ExportDialog(QDialog):
    """Asks for the `ExportSettings`, a file and a title."""

    def __init__(
        self,
        rendering: Rendering,
        preferences: PreferenceStore,
        suggested: Path,
        title: str,
        selection: tuple[int, int] | None,
        may_export: Callable[[ExportDialog], bool],
        measurements: DocumentJobs,
        parent: QWidget,
    ) -> None:
        """Start with suggested values.

        Args:
            suggested: the initial path, with the extension of the format used last.
            title: the title for the tags; if empty, the field offers that of the file.
            selection: the span of the selected clips in samples, if any.
            may_export: asks before replacing files; on False the dialog stays open.
            measurements: runs the jobs that measure what will be exported.
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
        self.presets = PresetRow(preferences, self)
        self.path_field = QLineEdit(str(suggested), self)
        self.path_field.setAccessibleName("File")
        browse = self._button("&Browse…", "Choose the file", self._on_browse)
        self.contents: dict[Content, QCheckBox] = {}
        for content in get_args(Content):
            text, tip = _CONTENT_TITLES[content]
            self.contents[content] = box = QCheckBox(text, self)
            box.setToolTip(tip)
            box.toggled.connect(self._on_changed)
        self.stems_box = self._combo(
            "Which stems", {"heard": "of audible tracks", "all": "of all tracks", "groups": "of groups"}
        )
        self.latents_box = self._combo("Format of latents", _LATENT_TITLES)
        self.decodes = DecodesRow(rendering, self)
        self.decodes.changed.connect(self._on_changed)
        spans = {"all": "All"}
        if session.loop is not None:
            spans["loop"] = "Loop"
        if selection is not None:
            spans["selection"] = "Selection"
        if any(marker.length for marker in session.markers):
            spans["sections"] = "Each section"
        self.span_box = self._combo("Span", spans)
        self.tail = self._number("Tail", 0.0, 60.0, " s", "Extra time to export after the end")
        self.container_box = self._combo("File format", {name: one.title for name, one in FORMATS.items()})
        self.format_box = self._combo("Sample format", SAMPLE_FORMAT_TITLES)
        self.quality = FollowingSlider(self)
        self.quality.setRange(0, _QUALITY_STEPS)
        self.quality.setAccessibleName("Quality")
        self.quality.setToolTip("Left: smaller file. Right: better quality")
        self.quality.valueChanged.connect(self._on_changed)
        self.quality_text = _label("")
        self.rate_box = self._combo(
            "Sample rate", {rate: in_khz(rate) if rate else "Rate of the session" for rate in get_args(Rate)}
        )
        self.channels_box = self._combo("Channels", _CHANNEL_TITLES)
        self.dither = QCheckBox("Dit&her (TPDF)", self)
        self.dither.setToolTip(
            "Add TPDF dither when writing 16 bits, so that rounding adds noise instead of distortion"
        )
        self.dither.toggled.connect(self._on_changed)
        self.level_box = self._combo("Level", _LEVEL_TITLES)
        self.target = self._number("Target", -70.0, 0.0, " LUFS", "The level to normalise to")
        self.true_peak = self._number("True peak", -70.0, 0.0, " dBTP", "The limit of the true peak of every file")
        self.limiter = QCheckBox("Limite&r", self)
        self.limiter.setToolTip(
            "Lower only peaks above the true peak limit, so that the target is reached; without it, less gain is used"
        )
        self.limiter.toggled.connect(self._on_changed)
        self.together = QCheckBox("Same &gain for all files", self)
        self.together.setToolTip(
            "Apply the same gain, and the same limiting, to all files, so that the stems still add up to the mix"
        )
        self.together.toggled.connect(self._on_changed)
        self.estimate = LevelEstimate(rendering, measurements, self)
        self.finished.connect(self.estimate.stop)
        self.title_field = QLineEdit(title, self)
        self.title_field.setAccessibleName("Title")
        self.artist_field = QLineEdit(self)
        self.artist_field.setAccessibleName("Artist")
        self.summary = QLabel(self)
        self.summary.setWordWrap(True)
        theme.dim(self.summary)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._export = self.buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self._export.setDefault(True)
        self._lay_out(browse)
        self.path_field.textChanged.connect(self._on_path_changed)
        self.container_box.currentIndexChanged.connect(self._on_container_changed)
        self.level_box.currentIndexChanged.connect(self._on_level_changed)
        self.presets.chosen.connect(self.fill)
        self.artist_field.textChanged.connect(self._on_changed)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.fill(preferences.value.export)
        self.path_field.setFocus()
        self.path_field.selectAll()

    @property
    def path(self) -> Path:
        """The chosen file, with the format's extension added if none was typed."""
        path = Path(os.path.expanduser(self.path_field.text().strip()))
        path = self._folder / path  # a bare file name goes into the suggested folder
        # Other audio extensions are refused later with a message; any other suffix is part of the name.
        if self.settings.contents == ("latents",) and path.suffix.lower() in (".safetensors", ".npz"):
            return path
        ending = FORMATS[self.settings.format.container].endings[0]
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
        """The settings as entered."""
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
                limiter=self.limiter.isChecked(),
                together=self.together.isChecked(),
            ),
            contents=tuple(content for content, box in self.contents.items() if box.isChecked()),
            stems=self.stems_box.currentData(),
            span=self.span_box.currentData(),
            tail_s=round(self.tail.value(), 2),
            artist=self.artist_field.text().strip()[:200],
            latents=self.latents_box.currentData(),
            decodes=self.decodes.number.whole,
        )

    def fill(self, settings: ExportSettings) -> None:
        """Show settings; an unavailable span becomes "all"."""
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
        self.limiter.setChecked(level.limiter)
        self.together.setChecked(level.together)
        self.decodes.number.setValue(settings.decodes)
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
        form.addRow(_buddy("&Preset", self.presets.box), self.presets)
        form.addRow(_buddy("&File", self.path_field), _row(self.path_field, browse, stretch=0))
        boxes = self.contents
        form.addRow("Export", _row(boxes["mix"], boxes["dry"], boxes["difference"]))
        form.addRow("", _row(boxes["tracks"], self.stems_box, boxes["latents"], self.latents_box))
        form.addRow(_buddy("De&codes averaged", self.decodes.number), self.decodes)
        form.addRow(_buddy("Spa&n", self.span_box), _row(self.span_box, _label("Tail"), self.tail))
        form.addRow(
            _buddy("F&ormat", self.container_box),
            _row(self.container_box, self.format_box, self.quality, self.quality_text),
        )
        form.addRow("", _row(self.rate_box, self.channels_box, self.dither))
        form.addRow(
            _buddy("L&evel", self.level_box), _row(self.level_box, self.target, _label("True peak"), self.true_peak)
        )
        form.addRow("", _row(self.limiter, self.together))
        form.addRow("", self.estimate)
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

    def _number(self, name: str, least: float, most: float, suffix: str, tip: str) -> NumberField:
        box = NumberField(least, most, self, decimals=1, suffix=suffix, name=name)
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
        """List the sample formats that the chosen container supports."""
        container: Container = self.container_box.currentData()
        before = self.format_box.currentData()
        self.format_box.blockSignals(True)
        self.format_box.clear()
        for sample_format in FORMATS[container].sample_formats:
            self.format_box.addItem(SAMPLE_FORMAT_TITLES[sample_format], sample_format)
        self._choose(self.format_box, before)
        self.format_box.blockSignals(False)
        self.format_box.setVisible(not FORMATS[container].lossy)
        self.quality.setVisible(FORMATS[container].lossy)
        self.quality_text.setVisible(FORMATS[container].lossy)

    @staticmethod
    def _choose(box: QComboBox, value: object) -> None:
        place = box.findData(value)
        box.setCurrentIndex(max(0, place))

    # Following

    def _on_path_changed(self) -> None:
        """Follow a typed extension with the file format."""
        container = container_of(Path(self.path_field.text().strip()))
        if container is not None and container != self.container_box.currentData():
            self._choose(self.container_box, container)
        self._on_changed()

    def _on_container_changed(self) -> None:
        self._list_sample_formats()
        self._fit_ending()
        self._on_changed()

    def _fit_ending(self) -> None:
        """Replace the extension of another format by that of the chosen one."""
        text = self.path_field.text()
        suffix = Path(text.strip()).suffix
        endings = FORMATS[self.container_box.currentData()].endings
        known = [ending for one in FORMATS.values() for ending in one.endings]
        if suffix.lower() in known and suffix.lower() not in endings:
            self.path_field.setText(text.strip()[: -len(suffix)] + endings[0])

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
        self.target.setEnabled(changed)
        for widget in (self.true_peak, self.together):
            widget.setEnabled(changed or settings.level.limiter)
        self.stems_box.setEnabled("tracks" in settings.contents)
        self.latents_box.setEnabled("latents" in settings.contents)
        self.dither.setEnabled(not is_lossy(settings.format) and settings.format.sample_format == "16")
        named = bool(Path(self.path_field.text().strip()).name)
        self.title_field.setPlaceholderText(shown(default_title(self.path)) if named else "")
        problem = self._problem(settings)
        self.summary.setText(shown(problem) or (self._described(settings) if named else ""))
        self._export.setEnabled(named and not problem)
        self.presets.show_settings(settings)
        span = None if problem or settings.span == "sections" else self._span(settings)  # no single one
        self.decodes.show_cost(settings, span)
        self.estimate.update_for(settings, span)

    def _span(self, settings: ExportSettings) -> tuple[int, int]:
        return span_of(self._rendering.session, settings, self._selection)

    def _problem(self, settings: ExportSettings) -> str:
        if not settings.contents:
            return "Choose what to export."
        if problem := format_problem(settings.format):
            return f"{problem}."
        try:
            self._span(settings)
            if not paths_of(self._rendering.session, settings, Path("x.wav")):
                return "No track is audible, so there are no stems to export."
        except ExportError as error:
            return str(error)
        return ""

    def _described(self, settings: ExportSettings) -> str:
        plan, session = self._rendering.update_plan(), self._rendering.session
        length = sum(part.end - part.start for part in parts_of(session, settings, self.path, self._selection))
        count = channels_of(settings.format, plan.channels)
        parts = [
            format_time(length / session.rate),
            "stereo" if count == 2 else "mono",
            in_khz(settings.format.rate_of(session.rate)),
            f"codec {plan.codec.title}",
        ]
        names = [path.name for path in self.paths]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        files = f"{len(names)} files: {', '.join(names[:_NAMED])}{more}" if len(names) > 1 else names[0]
        return f"{shown(files)}\n{shown(', '.join(parts))}"

    def _on_browse(self) -> None:
        # The user is asked once, on export, whether to replace files.
        options = QFileDialog.Option.DontConfirmOverwrite
        kinds = ";;".join(one.file_filter for one in FORMATS.values())
        name, _ = QFileDialog.getSaveFileName(self, "Export", self.path_field.text(), kinds, options=options)
        if name:
            self.path_field.setText(name)

    # Qt overrides

    def accept(self) -> None:
        if self._may_export(self):
            super().accept()


def _row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Widgets side by side; the one with index `stretch` takes the remaining width."""
    row = QHBoxLayout()
    for number, widget in enumerate(widgets):
        row.addWidget(widget, 1 if number == stretch else 0)
    if stretch is None:
        row.addStretch(1)
    return row


def _buddy(text: str, widget: QWidget) -> QLabel:
    """A label for a row of several widgets; its mnemonic focuses `widget`."""
    label = QLabel(text)
    label.setBuddy(widget)
    return label


def _label(text: str) -> QLabel:
    label = QLabel(text)
    theme.dim(label)
    return label
