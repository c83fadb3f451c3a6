"""Keys of all presets on keyboards of other countries: what one press can mean there runs one command at most."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from lincae_studio.preferences import ShortcutPreset
from lincae_studio.ui.actions.shortcuts import PRESETS, default_keys, portable
from lincae_studio.ui.actions.table import ACTIONS

#: Keys that are not letters, or have a third character: those characters alone, with Shift, and with AltGr. A space
#: where there is none. Dead keys, which wait for another, are left out.
LAYOUTS = {
    "us": (
        "`1234567890-=[]\\;',./",
        '~!@#$%^&*()_+{}|:"<>?',
        "                     ",
    ),
    "german": (
        "1234567890ß+#<,.-QEM",
        "!\"§$%&/()=?*'>;:_   ",
        " ²³   {[]}\\~ |   @€µ",
    ),
    "french": (
        "²&É\"'(-È_ÇÀ)=$Ù*<,;:!E",
        " 1234567890°+£%µ>?./§ ",
        "  ~#{[|`\\^@]}¤       €",
    ),
}

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier


def name(character: str, modifiers: Qt.KeyboardModifier) -> str:
    held = {"Ctrl+": CTRL, "Alt+": ALT, "Shift+": SHIFT}
    return portable(QKeySequence("".join(text for text, key in held.items() if key & modifiers) + character))


def keys(layout: str) -> list[tuple[str, str, str]]:
    """What each key types alone, with Shift and with AltGr."""
    known = list(zip(*LAYOUTS[layout], strict=True))
    return known + [(letter, " ", " ") for letter in LETTERS if letter not in LAYOUTS[layout][0]]


def presses(layout: str) -> Iterator[tuple[str, list[str]]]:
    """Every press of a character's key: a description, and what Qt looks for among the shortcuts.

    As `QKeyMapper` does: the key alone with all modifiers, then what Shift makes of it, without Shift.
    """
    for alone, shifted, third in keys(layout):
        for ctrl, alt, shift in itertools.product((NONE, CTRL), (NONE, ALT), (NONE, SHIFT)):
            meant = [name(alone, ctrl | alt | shift)]
            if shift and shifted != " ":
                meant.append(name(shifted, ctrl | alt))
            if ctrl and alt and third != " ":  # on Windows, AltGr is Ctrl and Alt
                meant.append(name(third, shift))
            yield f"{(ctrl | alt | shift).name} and {alone}", meant
        if third != " ":
            yield f"AltGr and {alone}", [name(third, NONE)]


def owners(preset: ShortcutPreset) -> dict[str, str]:
    return {portable(key): spec.id for spec in ACTIONS for key in default_keys(spec, preset)}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_no_press_runs_two_commands(styled: QApplication, layout: str, preset: ShortcutPreset) -> None:
    """Qt runs none of them then."""
    commands = owners(preset)
    for press, meant in presses(layout):
        found = {commands[key] for key in meant if key in commands}
        assert len(found) <= 1, f"{press} on a {layout} keyboard"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_command_has_a_key_that_is_pressed_as_it_is_named(
    styled: QApplication, layout: str, preset: ShortcutPreset
) -> None:
    """Without a Shift or AltGr that its name does not mention."""
    commands = owners(preset)
    modifiers = [ctrl | alt | shift for ctrl in (NONE, CTRL) for alt in (NONE, ALT) for shift in (NONE, SHIFT)]
    names = {name(character, held) for character, _, _ in keys(layout) for held in modifiers}
    within_reach = {spec for key, spec in commands.items() if key in names}
    characters = {
        spec.id
        for spec in ACTIONS
        if spec.keys
        and all(len(portable(key).split("+")[-1]) < 2 for key in default_keys(spec, preset))  # not Home, F2 and so on
    }
    assert characters - within_reach == set()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_characters_typed_with_altgr_run_nothing(styled: QApplication, layout: str, preset: ShortcutPreset) -> None:
    """On Windows, AltGr is Ctrl and Alt: a name with a € in it must not open a dialog."""
    commands = owners(preset)
    typed = [name(alone, CTRL | ALT) for alone, _, third in keys(layout) if third != " "]
    assert [commands[key] for key in typed if key in commands] == []
