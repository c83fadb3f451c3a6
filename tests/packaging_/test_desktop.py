"""What a desktop reads of the packages: file types, metadata, man page, completion; they agree with the program."""

from __future__ import annotations

import configparser
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from lincae_studio.cli import COMMANDS
from lincae_studio.session.files import BUNDLE_SUFFIX, DAWPROJECT_SUFFIX, SUFFIX
from tests.helpers import REPOSITORY

LINUX = REPOSITORY / "packaging" / "linux"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


def file_types() -> dict[str, str]:
    """The MIME type of each file name ending."""
    root = ElementTree.parse(LINUX / "lincae-studio.xml").getroot()
    return {
        glob.attrib["pattern"].removeprefix("*"): kind.attrib["type"]
        for kind in root.iter(f"{MIME}mime-type")
        for glob in kind.iter(f"{MIME}glob")
    }


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("command_pages", REPOSITORY / "packaging" / "command_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_desktop_knows_every_kind_of_project() -> None:
    types = file_types()
    assert types.keys() == {SUFFIX, BUNDLE_SUFFIX, DAWPROJECT_SUFFIX}
    desktop = configparser.ConfigParser(interpolation=None)
    desktop.read(LINUX / "lincae-studio.desktop", encoding="utf-8")
    entry = desktop["Desktop Entry"]
    assert set(entry["MimeType"].strip(";").split(";")) == set(types.values())
    assert entry["Exec"] == "lincae-studio %F"
    metadata = ElementTree.parse(LINUX / "lincae-studio.metainfo.xml").getroot()
    assert {kind.text for kind in metadata.iter("mediatype")} == set(types.values())
    assert metadata.findtext("launchable") == "lincae-studio.desktop"
    assert metadata.findtext("project_license") == "Apache-2.0"


def test_the_frozen_program_has_the_same_file_types() -> None:
    spec = (REPOSITORY / "packaging" / "lincae-studio.spec").read_text(encoding="utf-8")
    for ending in file_types():
        assert f'"{ending.removeprefix(".")}": ' in spec


def test_the_man_page_has_every_command(pages: ModuleType) -> None:
    page = pages.man_page()
    for command in COMMANDS:
        assert f"\n.B {command.replace('-', chr(92) + '-')}" in page
    assert "\\fB\\-\\-headless\\fR" in page


#: What completes the last word in a shell, given the words as $1, $2, …; one answer a line.
COMPLETED = {
    "bash": (
        "lincae-studio.bash",
        'compopt() { :; }; source "$SCRIPT"; COMP_WORDS=(lincae-studio "$@"); COMP_CWORD=$#; _lincae_studio; '
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ),
    "zsh": (
        "_lincae-studio",
        "compadd() { shift; print -l -- ${(M)@:#$PREFIX*}; }; _files() { print -l -- $PREFIX*(N); }; "
        'words=(lincae-studio "$@"); CURRENT=$#words; PREFIX=$words[-1]; source $SCRIPT',
    ),
    "fish": ("lincae-studio.fish", 'source $SCRIPT; complete -C "lincae-studio $argv"'),
}


@pytest.mark.parametrize("shell", COMPLETED)
def test_shells_complete_commands_options_and_files(pages: ModuleType, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    name, code = COMPLETED[shell]
    script = tmp_path / "scripts" / name
    script.parent.mkdir()
    script.write_text(pages.completions()[name], encoding="utf-8")
    (tmp_path / "a song.lincae").touch()

    def completed(*words: str) -> list[str]:
        command = [shell, "-c", code, *(() if shell == "fish" else (shell,)), *words]
        variables = {**os.environ, "SCRIPT": str(script)}
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return [line for line in done.stdout.splitlines() if line]

    assert completed("co") == ["codecs"]
    assert completed("codecs", "do") == ["download"]
    assert "--linear" in completed("codecs", "import", "--l")
    assert set(completed("codecs", "list", "--")) == {"--help", "--json"}
    assert completed("render", "--out") == ["--output"]
    assert completed("render", "a") == ["a song.lincae"]
    assert completed("a") == ["a song.lincae"]
