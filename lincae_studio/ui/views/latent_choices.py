"""The latents that the heatmap can show or subtract: a box to choose them, and the source of each. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox

from lincae_studio.session.excerpt import only_clip, only_group
from lincae_studio.session.model import Session
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.sources import ChunkSource, ExcerptSource, MixSource

#: Latents that are shown or subtracted: a kind, and the id of a track for a specific one.
LatentChoice = tuple[str, int]

MIX: LatentChoice = ("mix", 0)
NOTHING: LatentChoice = ("nothing", 0)
RESIDUAL: LatentChoice = ("residual", 0)

_NO_RESIDUAL = "There is none yet: choose Session > Check Against Master first"


class LatentChoices:
    """The current choices, by the tracks, the selection and the last check of a session."""

    def __init__(self, context: ViewContext) -> None:
        self._context = context
        self._listed: tuple[object, ...] = ()

    def fill(self, box: QComboBox, *, nothing: bool) -> None:
        """List the choices, keeping the current one if it still exists; entries that are not available say why."""
        session, master = self._context.document.session, self._context.last_check.master
        of = "of a check" if master is None else f"of the check of “{session.track(master).name}”"
        choices = [("nothing", NOTHING)] if nothing else []
        choices += [("Mix", MIX), ("Selected track", ("track", 0)), ("Selected clip", ("clip", 0))]
        choices += [(f"Residual {of}", RESIDUAL), *((track.name, ("track", track.id)) for track in session.tracks)]
        chosen = chosen_in(box)
        box.blockSignals(True)
        box.clear()
        for text, data in choices:
            box.addItem(shown(text), data)
        if master is None:
            place = [data for _, data in choices].index(RESIDUAL)
            box.setItemData(place, _NO_RESIDUAL, Qt.ItemDataRole.ToolTipRole)
            model = box.model()
            assert isinstance(model, QStandardItemModel)
            model.item(place).setEnabled(False)
        places = (number for number, (_, data) in enumerate(choices) if data == chosen)
        box.setCurrentIndex(next(places, 0))
        box.blockSignals(False)

    def changed(self) -> bool:
        """Whether other choices must be listed than the last time."""
        session = self._context.document.session
        listed = self._context.last_check.master, tuple((track.id, track.name) for track in session.tracks)
        if listed == self._listed:
            return False
        self._listed = listed
        return True

    def id_of(self, choice: LatentChoice) -> int | None:
        """The id of the chosen track or clip, or None."""
        kind, named = choice
        if kind == "track":
            return named or self._context.selection.track
        clips = sorted(self._context.selection.clips)
        return clips[0] if kind == "clip" and len(clips) == 1 else None

    def missing(self, choice: LatentChoice) -> str:
        """Why there is nothing to see, or nothing."""
        if choice[0] in ("track", "clip") and self.id_of(choice) is None:
            return "No track is selected" if choice[0] == "track" else "Select one clip to see its latents"
        if choice == RESIDUAL and self._context.last_check.master is None:
            return "The residual is out of date, since compared clips have changed. Run the check again"
        return ""

    def source_of(self, choice: LatentChoice, parent: QObject) -> ChunkSource:
        """The source of the current choice."""
        rendering, document, last_check = self._context.rendering, self._context.document, self._context.last_check
        if choice == MIX:
            return MixSource(rendering, parent)
        if choice == RESIDUAL:
            source = ExcerptSource(rendering, document, last_check.residual_of, parent)
            last_check.changed.connect(source.follow)
            return source
        chosen = self.id_of(choice)

        def excerpt_of(session: Session) -> Session | None:
            if chosen is None:
                return None
            if choice[0] == "clip":
                return only_clip(session, chosen)
            return only_group(session, chosen) if any(chosen == track.id for track in session.tracks) else None

        return ExcerptSource(rendering, document, excerpt_of, parent)


def chosen_in(box: QComboBox) -> LatentChoice | None:
    """The choice in a box, or None while it is empty."""
    data = box.currentData()
    return (data[0], data[1]) if data is not None else None
