"""Commands on the selected region of latents, or on a rectangle selected on the heatmap. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from lincae_studio.session import regions
from lincae_studio.session.levels import stepped_gain
from lincae_studio.session.model import MAX_GAIN, Region
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection

#: A step of Turn Up and Turn Down.
_STEP_DB = 3.0


class RegionCommands(QObject):
    """Makes regions of selected rectangles, and changes the selected region.

    Signals:
        said: a text to show.
    """

    said = Signal(str)

    def __init__(self, document: Document, selection: Selection) -> None:
        super().__init__(document)
        self._document = document
        self._selected = selection.regions

    @property
    def handlers(self) -> Handlers:
        return {
            "region_mute": self.on_mute,
            "region_down": self.on_down,
            "region_up": self.on_up,
            "region_keep": self.on_keep,
            "region_off": self.on_off,
            "region_delete": self.on_delete,
            "region_solo": self.on_solo,
        }

    def on_mute(self) -> None:
        self._change("Mute Region", lambda region: {"gain": 0.0, "keep": False})

    def on_down(self) -> None:
        self._step(-_STEP_DB, "Turn Region Down")

    def on_up(self) -> None:
        self._step(_STEP_DB, "Turn Region Up")

    def on_keep(self) -> None:
        self._change("Keep Only Region", lambda region: {"gain": 0.0, "keep": True})

    def on_off(self) -> None:
        """Bypass the selected region, or apply it again."""
        self._change("Bypass Region", lambda region: {"on": not region.on})

    def on_delete(self) -> None:
        chosen = self._selected.chosen
        if chosen is None:
            self._selected.clear()
            return
        owner, region_id = chosen
        self._document.apply("Delete Region", lambda session: regions.remove(session, owner, [region_id]))

    def on_solo(self) -> None:
        """Hear only the selected channels, or the one last pointed at, from start to end; again for all channels."""
        pointed, found = self._selected.pointed, self._selected.region
        if pointed is None:
            return
        if found is not None and regions.is_solo(found[1]):
            found = None  # the pointer decides, so that one channel after the other can be heard
        part = found[1] if found is not None else self._selected.box
        low, high = (part.low, part.high) if part is not None else (pointed.channel, pointed.channel)
        share = pointed.share(low, high)
        channels = f"channel {low}" if low == high else f"channels {low} to {high}"
        before = self._document.session
        self._document.apply(
            "Solo Channel",
            lambda session: regions.solo(session, pointed.owner, low, high, pointed.space, pointed.codec),
        )
        after = regions.owner_of(self._document.session, pointed.owner).regions
        if len(after) < len(regions.owner_of(before, pointed.owner).regions):
            self.said.emit("All channels are heard again")
        elif share is None:
            self.said.emit(f"Only {channels} can be heard")
        else:
            self.said.emit(f"Only {channels} can be heard, with {100 * share:.1f} % of the energy in view")

    def _step(self, by_db: float, text: str) -> None:
        # A rectangle that is no region yet starts at 0 dB.
        self._change(text, lambda region: {"gain": stepped_gain(region.gain, by_db, MAX_GAIN)}, 1.0, "region gain")

    def _change(
        self, text: str, fields: Callable[[Region], dict[str, Any]], gain: float = 0.0, sweep: str = ""
    ) -> None:
        """Change the selected region, or make one of the selected rectangle."""
        found, box = self._selected.region, self._selected.box
        if found is not None:
            owner, region = found
            new = fields(region)
            self._document.apply(
                text,
                lambda session: regions.change(session, owner, region.id, **new),
                f"{sweep} {owner} {region.id}" if sweep else None,
            )
            self._document.end_merge_soon()
        elif box is not None:
            made = replace(box.region, gain=gain)
            made, region_id = replace(made, **fields(made)), self._document.session.next_id
            if self._document.apply(text, lambda session: regions.add(session, box.owner, made)):
                self._selected.select(box.owner, region_id)
