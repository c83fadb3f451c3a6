"""Updates whether actions are enabled and checked, and their keys, texts and icons. Main thread."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import get_args

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from lincae_studio.preferences import RippleMode, RulerUnit, SnapTarget
from lincae_studio.session.model import MASTER, Operator
from lincae_studio.ui.actions import menus, shortcuts
from lincae_studio.ui.actions.rows.session import RECALLED_BY_KEY
from lincae_studio.ui.actions.rows.track import LISTED_INSERTS
from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.plain_text import in_menu
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.views.registry import VIEWS, view_action


class ActionStates(QObject):
    """Follows the document, the selection, the preferences and the transport."""

    def __init__(
        self,
        actions: Mapping[str, QAction],
        document: Document,
        selection: Selection,
        preferences: PreferenceStore,
        transport: Transport,
    ) -> None:
        super().__init__(document)
        self._actions = actions
        self._document = document
        self._selection = selection
        self._preferences = preferences
        self._transport = transport
        self._met: dict[str, bool] = {}
        #: The operators, and the insert of the selected track, that are shown.
        self._inserts: tuple[tuple[Operator, ...], int | None] | None = None
        document.changed.connect(self._follow_document)
        document.state_changed.connect(self._follow_document)
        document.refused.connect(self._follow_document)  # a click has already toggled a checkable action
        selection.changed.connect(self._follow_document)
        selection.regions.changed.connect(self._follow_document)
        selection.time.changed.connect(self._follow_document)
        preferences.changed.connect(self._follow_preferences)
        transport.playing_changed.connect(self._follow_transport)
        transport.monitor_changed.connect(self._follow_transport)
        self._follow_preferences()
        self._follow_transport()
        self._follow_document()

    def follow_theme(self) -> None:
        """Redraw the icons in the colours of the theme."""
        menus.follow_theme(self._actions)
        self._follow_transport()

    def _follow_document(self, *_: object) -> None:
        document, session, selected = self._document, self._document.session, self._selection.regions
        met = {
            "": True,
            "place": True,  # rows without one are left out of the menu
            "clips": session.length > 0,
            "selection": bool(self._selection.clips),
            "time": self._selection.time.value is not None,
            "selected": bool(self._selection.clips) or self._selection.time.value is not None,
            "markers": bool(session.markers),
            "sections": any(marker.length for marker in session.markers),
            "snapshots": bool(session.snapshots),
            "two snapshots": len(session.snapshots) > 1,
            "morph": session.morph is not None,
            "track": self._selection.track is not None,
            "insert": self._selection.track is not None and bool(session.operators),
            "strip": self._selection.strip is not None,
            "points": self._has_points(),
            "solos": session.any_solo,
            "group": not session.group_ids.isdisjoint(self._selection.tracks),
            "grouped": self._selection.track is not None and bool(session.groups_of(self._selection.track)),
            "groups": bool(session.group_ids),
            "region": selected.chosen is not None or selected.box is not None,
            "channel": selected.pointed is not None,
            "undo": document.undo_text is not None,
            "redo": document.redo_text is not None,
        }
        if met != self._met:  # while a fader is dragged, they stay the same
            self._met = met
            for spec in ACTIONS:
                self._actions[spec.id].setEnabled(met[spec.needs])
        current = next((track for track in session.tracks if track.id == self._selection.track), None)
        self._actions["lock_track"].setChecked(current is not None and current.locked)
        self._actions["morph"].setChecked(bool(session.morphed))
        self._actions["loop"].setChecked(session.loop is not None and session.loop.on)
        self._actions[f"sample_rate_{session.rate}"].setChecked(True)
        for number, snapshot in zip_longest(RECALLED_BY_KEY, session.snapshots[: len(RECALLED_BY_KEY)]):
            name = f": {in_menu(snapshot.name)}" if snapshot is not None else ""
            self._actions[f"recall_snapshot_{number}"].setText(f"Snapshot &{number}{name}")
        self._follow_inserts()
        self._actions["undo"].setText(f"&Undo {in_menu(document.undo_name or '')}".rstrip())
        self._actions["redo"].setText(f"&Redo {in_menu(document.redo_name or '')}".rstrip())

    def _follow_inserts(self) -> None:
        """List the operators, and check the one that is the insert of the selected track."""
        session, track_id = self._document.session, self._selection.track
        track = next((track for track in session.tracks if track.id == track_id), None)
        if (state := (session.operators, track.insert if track is not None else None)) == self._inserts:
            return
        self._inserts = state
        for number, operator in zip_longest(LISTED_INSERTS[1:], session.operators[: len(LISTED_INSERTS) - 1]):
            action = self._actions[f"insert_{number}"]
            action.setVisible(operator is not None)
            action.setText(f"{number}: {in_menu(operator.name)}" if operator is not None else f"Operator {number}")
            action.setChecked(operator is not None and track is not None and operator.id == track.insert)
        self._actions["insert_0"].setChecked(track is not None and track.insert == 0)

    def _has_points(self) -> bool:
        """Whether the selected tracks, or the master, have any envelope points."""
        session, strip = self._document.session, self._selection.strip
        if strip == MASTER:
            return bool(session.master.gain_points)
        if strip is None:
            return False
        tracks = (session.track(track) for track in self._selection.targets(strip))
        return any(track.gain_points or track.pan_points for track in tracks)

    def _follow_preferences(self) -> None:
        chosen = self._preferences.value
        shortcuts.apply_keys(self._actions, chosen.shortcuts, chosen.shortcut_preset)
        checked = {"follow": chosen.follow_playhead, "snap": chosen.snap, "linearity": chosen.linearity_strip}
        checked["overview"] = chosen.overview
        checked["wave_scale"] = chosen.wave_scale
        checked |= {f"snap_to_{target}": target in chosen.snap_to for target in get_args(SnapTarget)}
        checked |= {f"count_in_{unit}": unit == chosen.ruler for unit in get_args(RulerUnit)}
        checked |= {view_action(spec.id): spec.id in chosen.views for spec in VIEWS}
        checked |= {f"ripple_{mode}": mode == chosen.ripple for mode in get_args(RippleMode)}
        for action, on in checked.items():
            self._actions[action].setChecked(on)

    def _follow_transport(self) -> None:
        playing = self._transport.playing
        self._actions["play"].setChecked(playing)
        self._actions["play"].setIcon(menus.icon("stop" if playing else "play"))
        self._actions[f"monitor_{self._transport.monitor}"].setChecked(True)
