"""The latent heatmap: channels over time, of the mix, a track, a clip or a difference, updated with each render."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from lincae_studio.codecs.base import Array
from lincae_studio.session.model import MASTER
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.following_slider import FollowingSlider
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.views.chunk_picture import ChunkPicture, color_table_of
from lincae_studio.ui.views.column import ViewColumn
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.latent_choices import MIX, NOTHING, LatentChoice, LatentChoices, chosen_in
from lincae_studio.ui.views.region_layer import RegionLayer
from lincae_studio.ui.views.sources import ChunkSource, DifferenceSource, MixSource
from lincae_studio.ui.views.spread_strip import SpreadStrip
from lincae_studio.ui.views.statistics import LatentStatistics, Statistics, Vector

#: Share of the values within the automatic colour range.
_AUTO_QUANTILE = 0.9

#: Span of the range slider around the automatic range, in steps, and its steps per decade.
_RANGE_STEPS = 40
_STEPS_PER_DECADE = 20

#: Order of channels from the bottom up: by number; by variance, largest first; or by weight in the first principal
#: component, most negative first.
Order = Literal["index", "variance", "component"]

_ORDERS: tuple[tuple[Order, str], ...] = (
    ("index", "Channel number"),
    ("variance", "Variance"),
    ("component", "Principal component"),
)


class HeatmapPlot(ChunkPicture):
    """The heatmap itself, with colours symmetric about 0.

    Signals:
        auto_level_changed: the automatic half range of the colours has changed.
    """

    auto_level_changed = Signal(float)

    _auto_level = 0.0
    _fixed_level: float | None = None
    _scale = 1.0
    _order: np.ndarray[tuple[int], np.dtype[np.intp]] | None = None

    def __init__(
        self, context: ViewContext, source: ChunkSource, owner: Callable[[], int | None], parent: QWidget | None = None
    ) -> None:
        """`owner`: returns the id of the shown object whose regions can be edited; None if they cannot."""
        super().__init__(context.axis, context.rendering, source, "Latents, channel over time", parent)
        #: The energy of each channel in view, with the keys of the chunks that it is of.
        self._shares: tuple[object, Vector] = (None, np.zeros(source.rows))
        selected = context.selection.regions
        self.regions = RegionLayer(self, context.axis, context.rendering, context.document, selected, owner)
        GestureKeys(self.viewport(), self.regions.cancel)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @property
    def level(self) -> float:
        """Half range of the colours."""
        return (self._fixed_level or self._auto_level or 1.0) * self._scale

    @property
    def samples_per_column(self) -> float:
        return float(self._rendering.plan.grid.hop)

    def fix_level(self, level: float | None) -> None:
        """Keep the colour range at ± this level; None for the automatic one."""
        self._fixed_level = level
        self.follow_levels()

    @property
    def auto_level(self) -> float:
        """Half the colour range that suits the latents shown so far."""
        return self._auto_level or 1.0

    def set_scale(self, scale: float) -> None:
        """Widen or narrow the colour range about the automatic or fixed one."""
        self._scale = scale
        self.follow_levels()

    def set_order(self, order: np.ndarray[tuple[int], np.dtype[np.intp]] | None) -> None:
        """Draw channels in this order from the bottom up; None for numerical order."""
        if order is not None and len(order) != self.source.rows:
            order = None  # statistics of another codec
        same = order is self._order or (
            order is not None and self._order is not None and np.array_equal(order, self._order)
        )
        if not same:
            self._order = order
            self.redraw()

    def channel_at(self, height: float) -> int:
        """The channel drawn at a height from 0 to 1."""
        row = min(max(int(height * self.source.rows), 0), self.source.rows - 1)
        return row if self._order is None else int(self._order[row])

    def color_table(self) -> Array:
        return color_table_of(theme.colors().heat)

    def levels(self) -> tuple[float, float]:
        return -self.level, self.level

    def arranged(self, values: Array) -> Array:
        return values if self._order is None else values[self._order]

    def observe(self, values: Array) -> None:
        """Widen the automatic range to the loudest chunk seen so far."""
        magnitudes, least = np.abs(values), self._auto_level * 1.01
        if np.count_nonzero(magnitudes > least) < (1.0 - _AUTO_QUANTILE) * (values.size - 1):
            return  # the quantile, which takes a hundred times as long, cannot be above
        level = float(np.quantile(magnitudes, _AUTO_QUANTILE))
        if level > least:
            self._auto_level = level
            if self._fixed_level is None:
                self.follow_levels()
                self.auto_level_changed.emit(self.level)

    def text_at(self, sample: int, height: float) -> str:
        channel = self.channel_at(height)
        value = self.value_at(sample, channel)
        if value is None:
            return ""
        frame = sample // self._rendering.plan.grid.hop
        share = self.share(channel, channel)
        of_energy = "" if share is None else f", {100.0 * share:.1f} % of the energy"
        at = format_time(sample / self._rendering.session.rate)
        return f"{at}, frame {frame}\nchannel {channel}: {value:+.4f}{of_energy}".replace("-", "−")

    def _restart(self) -> None:
        self._auto_level = 0.0
        self._order = None
        super()._restart()

    def share(self, low: int, high: int) -> float | None:
        """The share of channels, from the first to the last, in the energy of the latents in view; None if unknown."""
        known = tuple(self._keys.items())
        if known != self._shares[0]:
            energy = np.zeros(self.source.rows)
            for values in self._values.values():
                if len(values) == len(energy):
                    energy += np.square(values, dtype=np.float64).sum(axis=1)
            self._shares = known, energy
        energy = self._shares[1]
        total = float(energy.sum())
        return float(energy[low : high + 1].sum()) / total if total > 0.0 else None

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and self.regions.takes(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.regions.takes(event):
            self.regions.key(event, round(self._line.value()))
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.regions.press(event.position())

    def mouseMoveEvent(self, event: QEvent) -> None:
        super().mouseMoveEvent(event)
        at = event.position()  # type: ignore[attr-defined]
        self.regions.move(at)
        if not event.buttons():  # type: ignore[attr-defined]
            self.viewport().setCursor(self.regions.cursor_at(at))
            self.regions.point_at(self.channel_at(1.0 - at.y() / max(1, self.height())), self.share)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self.regions.release():
            self.seek.emit(self._axis.sample_at(event.position().x()))


class HeatmapPanel(QWidget):
    """The heatmap with its controls: what it shows, channel order, colour range, and the value under the pointer."""

    def __init__(self, context: ViewContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("heatmap")  # context menus ask for it
        self._context = context
        self._rendering = context.rendering
        self._shown: tuple[LatentChoice, LatentChoice] = (MIX, NOTHING)
        self._resolved: tuple[int | None, ...] = ()
        self._choices = LatentChoices(context)
        self.plot = HeatmapPlot(context, MixSource(context.rendering), self._owner, self)
        self.spread = SpreadStrip(context.axis, context.rendering, context.spread, self)
        self.statistics = Statistics(self.plot.source, self._rendering, self)
        self.shown_box = self._choice("Latents that the heatmap shows", "The latents to show")
        self.subtracted_box = self._choice("Latents that are subtracted from them", "The latents to subtract")
        self.order = self._choice("Order of channels", "The order of the channels")
        for order, text in _ORDERS:
            self.order.addItem(text, order)
        self._info = QLabel(self)
        self._info.setWordWrap(True)
        theme.dim(self._info)
        self._range = QLabel(self)
        theme.dim(self._range)
        self._hover = QLabel(self)
        self._hover.hide()
        self.range_slider = FollowingSlider(self, default=0)
        self.range_slider.setRange(-_RANGE_STEPS, _RANGE_STEPS)
        self.range_slider.setAccessibleName("Colour range of the heatmap")
        self.range_slider.setToolTip("Colour range of the heatmap")
        self.range_slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.fixed = QCheckBox("Fi&xed", self)
        self.fixed.setToolTip("Keep this colour range, so that you can compare before and after")
        self.fixed.setAccessibleName("Fix the colour range of the heatmap")
        self.fixed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        remembered = context.preferences.value.heatmap_level
        self.fixed.setChecked(remembered > 0.0)
        self.plot.fix_level(remembered or None)
        self._lay_out()
        self._follow_choices()
        self._show_facts()
        self._show_range()
        self.range_slider.valueChanged.connect(self._on_range_changed)
        self.range_slider.sliderReleased.connect(self._remember)
        self.fixed.toggled.connect(self._on_fixed)
        self.plot.auto_level_changed.connect(self._show_range)
        self.plot.hovered.connect(self._on_hovered)
        self.plot.seek.connect(context.seek)
        self.shown_box.currentIndexChanged.connect(self._on_chosen)
        self.subtracted_box.currentIndexChanged.connect(self._on_chosen)
        self.order.currentIndexChanged.connect(self._on_order_changed)
        self.statistics.changed.connect(self._arrange)
        context.rendering.plan_changed.connect(self._show_facts)
        context.document.changed.connect(self._follow_choices)
        context.last_check.changed.connect(self._follow_choices)
        context.selection.changed.connect(self._follow_selection)

    def set_playhead(self, sample: int) -> None:
        self.plot.set_playhead(sample)
        self.spread.set_playhead(sample)

    def follow_theme(self) -> None:
        self.plot.follow_theme()
        self.plot.regions.redraw()

    def shutdown(self) -> None:
        """Close the source and the statistics."""
        self.statistics.close()
        self.plot.source.close()

    def show_latents(self, shown: LatentChoice, subtracted: LatentChoice = NOTHING) -> None:
        """Show these latents: ("mix", 0), ("track", id, or 0 for the selected one) or ("clip", 0), minus others."""
        for box, chosen in ((self.shown_box, shown), (self.subtracted_box, subtracted)):
            place = next(number for number in range(box.count()) if tuple(box.itemData(number)) == chosen)
            box.setCurrentIndex(place)

    def _choice(self, name: str, tip: str) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return box

    def _lay_out(self) -> None:
        inside = QGridLayout()
        inside.setContentsMargins(12, 6, 8, 6)
        inside.setVerticalSpacing(4)
        for row, (text, box) in enumerate(
            (("Latents", self.shown_box), ("minus", self.subtracted_box), ("order", self.order))
        ):
            label = QLabel(text, self)
            if row:
                theme.dim(label)
            else:
                theme.heading(label)
            inside.addWidget(label, row, 0)
            inside.addWidget(box, row, 1)
        colors = QHBoxLayout()
        colors.addWidget(self._range, 1)
        colors.addWidget(self.fixed)
        inside.addLayout(colors, 3, 0, 1, 2)
        for row, widget in enumerate((self.range_slider, self._hover, self._info), 4):
            inside.addWidget(widget, row, 0, 1, 2)
        inside.setColumnStretch(1, 1)
        inside.setRowStretch(7, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(ViewColumn(inside, self._context.header_width, self))
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.spread)
        right.addWidget(self.plot, 1)
        layout.addLayout(right, 1)

    def _follow_choices(self) -> None:
        """Update the choices, keeping the current ones if they still exist."""
        if self._choices.changed():
            for box in (self.shown_box, self.subtracted_box):
                self._choices.fill(box, nothing=box is self.subtracted_box)
            self._on_chosen()
            self._show_facts()

    def _owner(self) -> int | None:
        """The id of the shown object, if its regions can be edited: in the order of channels, and no difference."""
        shown, subtracted = self._shown
        if subtracted != NOTHING or self.order.currentData() != "index":
            return None
        if shown == MIX:
            return MASTER
        owner, session = self._choices.id_of(shown), self._context.document.session
        known = any(track.id == owner for track in session.tracks) or any(clip.id == owner for clip in session.clips())
        return owner if known else None

    def _follow_selection(self) -> None:
        """Follow the selection, but sum again only if it affects the picture."""
        if self._selected() != self._resolved:
            self._show()

    def _selected(self) -> tuple[int | None, ...]:
        """The ids of the track and clip that are shown because they are selected."""
        return tuple(self._choices.id_of(choice) for choice in self._shown if choice in (("track", 0), ("clip", 0)))

    def _on_chosen(self) -> None:
        chosen = (chosen_in(self.shown_box) or MIX, chosen_in(self.subtracted_box) or NOTHING)
        if chosen != self._shown:
            self._shown = chosen
            self._show()

    def _show(self) -> None:
        shown, subtracted = self._shown
        self._resolved = self._selected()
        source = self._choices.source_of(shown, self.plot)
        if subtracted != NOTHING:
            source = DifferenceSource(source, self._choices.source_of(subtracted, self.plot), self.plot)
        self.plot.set_source(source)
        self.statistics.set_source(source)
        self.plot.regions.redraw()
        self._show_facts()

    def _show_facts(self) -> None:
        codec = self._rendering.plan.codec
        text = f"{codec.dim} channels, {codec.hop} samples per frame ({codec.title})"
        missing = [reason for choice in self._shown if (reason := self._choices.missing(choice))]
        if missing:
            text = missing[0]
        elif not self._rendering.plan.length:
            text += ". Import audio to see its latents"
        elif self._owner() is not None:
            text += ". Drag to select channels and time"
        else:
            text += ". To edit regions, order the channels by number and show no difference or residual"
        self._info.setText(shown(text))

    def _on_hovered(self, text: str) -> None:  # in place of the facts: the column never gets a scroll bar of it
        self._hover.setText(text)
        self._hover.setVisible(bool(text))
        self._info.setVisible(not text)

    def _show_range(self) -> None:
        self._range.setText(f"Colours: −{self.plot.level:.3g} to +{self.plot.level:.3g}")

    def _on_range_changed(self, position: int) -> None:
        self.plot.set_scale(10.0 ** (position / _STEPS_PER_DECADE))
        self._show_range()
        if not self.range_slider.isSliderDown():
            self._remember()

    def _on_fixed(self, on: bool) -> None:
        self.plot.fix_level(self.plot.auto_level if on else None)
        self._show_range()
        self._remember()

    def _remember(self) -> None:
        """Fixed colours are those of the next start, too."""
        self._context.preferences.set(heatmap_level=self.plot.level if self.fixed.isChecked() else 0.0)

    def _on_order_changed(self) -> None:
        self.statistics.set_active(self.order.currentData() != "index")
        self.plot.regions.redraw()
        self._show_facts()
        self._arrange()

    def _arrange(self) -> None:
        self.plot.set_order(channel_order(self.order.currentData(), self.statistics.latest))


def channel_order(
    order: Order, statistics: LatentStatistics | None
) -> np.ndarray[tuple[int], np.dtype[np.intp]] | None:
    """Channels from the bottom up; None, for numerical order, until statistics are available."""
    if order == "index" or statistics is None:
        return None
    if order == "variance":
        return np.argsort(-statistics.variance, kind="stable")
    return np.argsort(statistics.components[0], kind="stable")
