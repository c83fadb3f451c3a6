"""Keyboard shortcuts: the defaults of the table, those of a preset in their place, and the user's own. No state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtGui import QAction, QKeySequence

from lincae_studio.preferences import ShortcutPreset
from lincae_studio.ui.actions.presets import ardour, audacity, reaper
from lincae_studio.ui.actions.spec import ActionSpec
from lincae_studio.ui.actions.table import ACTIONS

Chosen = Mapping[str, Sequence[str]]

#: The keys that each preset gives to commands, by id, instead of the default ones.
PRESETS: Mapping[ShortcutPreset, Chosen] = {
    "lincae": {},
    "audacity": audacity.KEYS,
    "reaper": reaper.KEYS,
    "ardour": ardour.KEYS,
}

#: Their names in the window.
TITLES: Mapping[ShortcutPreset, str] = {
    "lincae": "LinCAE Studio",
    "audacity": "Audacity",
    "reaper": "REAPER",
    "ardour": "Ardour",
}


def default_keys(spec: ActionSpec, preset: ShortcutPreset = "lincae") -> list[QKeySequence]:
    """The keys of a command in a preset, on this platform."""
    return [QKeySequence(key) for key in PRESETS[preset].get(spec.id, spec.keys)]


def keys_of(chosen: Chosen, preset: ShortcutPreset = "lincae") -> dict[str, list[QKeySequence]]:
    """The keys of every command, by id. Each key runs one command; the user's keys override those of the preset."""
    keys: dict[str, list[QKeySequence]] = {spec.id: [] for spec in ACTIONS}
    taken: set[str] = set()
    defaults = [(spec.id, default_keys(spec, preset)) for spec in ACTIONS if spec.id not in chosen]
    own = [
        (spec.id, [QKeySequence.fromString(key) for key in chosen[spec.id]]) for spec in ACTIONS if spec.id in chosen
    ]
    for name, sequences in own + defaults:
        for sequence in sequences:
            text = portable(sequence)
            if text and text not in taken:
                taken.add(text)
                keys[name].append(sequence)
    return keys


def apply_keys(actions: Mapping[str, QAction], chosen: Chosen, preset: ShortcutPreset = "lincae") -> None:
    """Assign its keys to every action, and show the first one in its tooltip."""
    keys = keys_of(chosen, preset)
    for spec in ACTIONS:
        action = actions[spec.id]
        action.setShortcuts(keys[spec.id])
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{spec.tip} ({shown})" if shown else spec.tip)


def with_key(chosen: Chosen, command: str, key: QKeySequence | None) -> dict[str, tuple[str, ...]]:
    """The user's keys with one key, or none, assigned to a command; no other command keeps that key."""
    result = {name: tuple(keys) for name, keys in chosen.items()}
    text = portable(key) if key is not None else ""
    for name, keys in result.items():
        result[name] = tuple(other for other in keys if portable(QKeySequence.fromString(other)) != text)
    result[command] = (text,) if text else ()
    return result


def owner_of(key: QKeySequence, chosen: Chosen, preset: ShortcutPreset = "lincae") -> ActionSpec | None:
    """The command that a key runs, if any."""
    keys = keys_of(chosen, preset)
    return next((spec for spec in ACTIONS if any(portable(one) == portable(key) for one in keys[spec.id])), None)


def portable(key: QKeySequence) -> str:
    """The name of a key as saved in files, the same on every platform; empty for no key."""
    return key.toString(QKeySequence.SequenceFormat.PortableText)
