"""What README, manual, changes and the guide for contributors say about menus, keys and commands exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu

from lincae_studio.cli.app import app
from lincae_studio.paths import change_log, resource
from lincae_studio.preference_table import PREFERENCES, Page
from lincae_studio.ui.actions.shortcuts import default_keys, portable
from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.plain_text import from_menu

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = (
    REPOSITORY / "README.md",
    change_log(),
    resource("manual/manual.md"),
    resource("manual/training.md"),
    REPOSITORY / "lincae_studio" / "ARCHITECTURE.md",
    REPOSITORY / ".github" / "CONTRIBUTING.md",
)
#: Entries of *Session > Codec* that depend on the installation.
CHANGING = {("Session", "Codec", "Download"), ("Session", "Codec", "Add Neural Codecs")}
#: Options of programs that the documents name besides ours, and those that ours passes to itself.
OTHERS = {"--no-deps", "--torch-backend", "--pip", "--measure"}
PAGES = {*get_args(Page), "Audio", "Shortcuts"}
KEY = re.compile(r"(?:(?:Ctrl|Alt|Shift)\+)+(?:Page Up|Page Down|\w+|[,=+\-\[\]])|F\d\d?\b|\b[A-Z]\b")


def words(document: Path) -> str:
    if not document.exists():
        pytest.skip(f"{document.name} is not part of the wheel")
    return re.sub(r"\s+", " ", document.read_text(encoding="utf-8"))


def entries(menu: QMenu, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    menu.aboutToShow.emit()
    for action in menu.actions():
        name = (*path, from_menu(action.text()).rstrip("…"))
        yield name
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from entries(inner, name)


def preferences() -> set[tuple[str, ...]]:
    titles = {(preference.page, preference.title.replace("&", "")) for preference in PREFERENCES}
    paths = {("Preferences", *path) for path in (*titles, *((page,) for page in PAGES))}
    return paths | {("Edit", *path) for path in paths}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_of_menus_exist(window: MainWindow, document: Path) -> None:
    known = {*CHANGING, *preferences()}
    for action in window.menuBar().actions():
        menu = action.menu()
        assert isinstance(menu, QMenu)
        known |= set(entries(menu, (from_menu(action.text()),)))
    for path in re.findall(r"(?<!\*)\*([A-Z][^*]*? > [^*]*)\*", words(document)):
        assert tuple(path.split(" > ")) in known, path


@pytest.mark.parametrize("document", DOCUMENTS[:4], ids=lambda path: path.name)
def test_no_line_begins_inside_a_path_of_menus(document: Path) -> None:
    """Markdown would take the rest for a quotation."""
    assert words(document)
    assert not re.search(r"^ *> ", document.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS[1:3], ids=lambda path: path.name)
def test_keys_in_brackets_after_a_command_are_its_default_keys(qapp: object, document: Path) -> None:
    keys = {from_menu(spec.text).rstrip("…"): set(map(portable, default_keys(spec))) for spec in ACTIONS}
    checked = 0
    for path, brackets in re.findall(r"(?<!\*)\*([A-Z][^*]*)\* \(([^()]*)\)", words(document)):
        name = path.split(" > ")[-1]
        for key in KEY.findall(brackets) if name in keys else ():
            portable_key = portable(QKeySequence(key.replace("Page ", "Pg").replace("Delete", "Del")))
            assert portable_key in keys[name], f"{name}: {key}"
            checked += 1
    assert checked, "the pattern finds something"


def options() -> dict[str, set[str]]:
    """The options of each command, such as `codecs list`; of a group, those of its commands."""

    def inner(command: typer.core.TyperCommand | typer.core.TyperGroup, name: str) -> Iterator[tuple[str, set[str]]]:
        found = {text for one in command.params for text in (*one.opts, *one.secondary_opts) if text.startswith("-")}
        for sub, subcommand in getattr(command, "commands", {}).items():
            for below, more in inner(subcommand, f"{name} {sub}".strip()):
                found |= more
                yield below, more
        yield name, {*found, "--help"}

    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return dict(inner(group, ""))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_options_of_commands_exist(document: Path) -> None:
    known = options()
    if not document.exists():
        pytest.skip(f"{document.name} is not part of the wheel")
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"(?:^|[`(])lincae-studio +([^`\n#]*)", text, re.MULTILINE):
        typed = line.split("   ")[0].split()
        command = next(name for name in (" ".join(typed[:2]), "".join(typed[:1]), "") if name in known)
        for option in (word.partition("=")[0] for word in typed if re.match("--?[a-z]", word)):
            assert option in known[command], f"{option} of {command or 'lincae-studio'}: {line}"
    for option in re.findall(r"`(--[a-z][a-z-]*)", text):
        assert option in known[""] | OTHERS, option


@pytest.mark.parametrize("document", DOCUMENTS[4:], ids=lambda path: path.name)
def test_files_and_names_in_them_exist(document: Path) -> None:
    text = words(document)
    places = (REPOSITORY, REPOSITORY / "lincae_studio", REPOSITORY / "packaging")
    named = re.findall(r"`(?:lincae_studio/)?((?:\w+/)+\w+\.(?:py|sh|json))(?:: (\w+)|::(\w+))?[^`]*`", text)
    for name, inner, test in named:
        found = [place / name for place in places if (place / name).exists()]
        assert found or "vN" in name, name
        assert all((inner or test) in path.read_text(encoding="utf-8") for path in found), f"{name}: {inner or test}"
    assert named
