"""Shortcuts as in other programs, one module each: the keys of commands by id, instead of the default ones. Data only.

Commands that a preset does not name keep their default keys. A command whose default key the preset gives to another
one is named, too, with a key of its own or none: `tests/ui/actions/test_presets.py`.

Left out everywhere: what this program has no command for, Tab, which moves the keyboard focus, and Alt with the letter
of a menu, which opens it.
"""
