"""What a desktop reads of the packages: file types, metadata, man page, completion; they agree with the program."""

from __future__ import annotations

import configparser
import importlib.util
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


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_files(pages: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "lincae-studio.bash"
    script.write_text(pages.completion(), encoding="utf-8")
    (tmp_path / "a song.lincae").touch()

    def completed(*words: str) -> list[str]:
        quoted = " ".join(f"'{word}'" for word in ("lincae-studio", *words))
        code = (
            f"source '{script}'; compopt() {{ :; }}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; "
            "_lincae_studio; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert completed("co") == ["codecs"]
    assert completed("codecs", "do") == ["download"]
    assert "--linear" in completed("codecs", "import", "--l")
    assert completed("render", "--out") == ["--output"]
    assert completed("render", "a") == ["a song.lincae"]
    assert completed("a") == ["a song.lincae"]
