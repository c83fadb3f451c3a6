"""The selected region of latents, or a rectangle that is none yet. Main thread; not part of the document."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from PySide6.QtCore import QObject, Signal

from lincae_studio.errors import EditError
from lincae_studio.session import regions
from lincae_studio.session.model import Region
from lincae_studio.ui.model.document import Document


class Box(Struct, frozen=True):
    """A rectangle of time and channels, with the fields of a `Region`; `owner`: what it would belong to."""

    owner: int
    start: int
    end: int
    low: int
    high: int
    space: str
    codec: str

    @property
    def region(self) -> Region:
        """The rectangle as a region, which mutes."""
        return Region(
            id=1, start=self.start, end=self.end, low=self.low, high=self.high, space=self.space, codec=self.codec
        )


class Pointed(Struct, frozen=True):
    """The channel that was last pointed at.

    Attributes:
        owner: that of the latents: the mix, a track or a clip.
        share: returns the share of channels, from the first to the last, in the energy of the latents in view.
    """

    owner: int
    channel: int
    space: str
    codec: str
    share: Callable[[int, int], float | None]


class RegionSelection(QObject):
    """A region by its owner and id, or a box; deleted regions and boxes without an owner leave the selection.

    Signals:
        changed: the selection has changed.
    """

    changed = Signal()

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self.box: Box | None = None
        self.pointed: Pointed | None = None
        self._chosen: tuple[int, int] | None = None
        document.replaced.connect(self._forget)
        document.changed.connect(self._on_document_changed)

    @property
    def chosen(self) -> tuple[int, int] | None:
        """The ids of the selected region's owner and of the region."""
        return self._chosen

    @property
    def region(self) -> tuple[int, Region] | None:
        """The selected region with the id of its owner."""
        if self._chosen is None:
            return None
        owner, region_id = self._chosen
        return owner, regions.region_of(self._document.session, owner, region_id)

    def select(self, owner: int, region_id: int) -> None:
        self._set(None, (owner, region_id))

    def select_box(self, box: Box) -> None:
        self._set(box, None)

    def clear(self) -> None:
        self._set(None, None)

    def _set(self, box: Box | None, chosen: tuple[int, int] | None) -> None:
        if (box, chosen) != (self.box, self._chosen):
            self.box, self._chosen = box, chosen
            self.changed.emit()

    def _forget(self) -> None:
        self.pointed = None
        self.clear()

    def _on_document_changed(self) -> None:
        session = self._document.session
        try:
            if self._chosen is not None:
                regions.region_of(session, *self._chosen)
            if self.box is not None:
                regions.owner_of(session, self.box.owner)
        except EditError:
            self.clear()
        try:
            if self.pointed is not None:
                regions.owner_of(session, self.pointed.owner)
        except EditError:
            self.pointed = None
