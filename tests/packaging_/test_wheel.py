"""What ships: the wheel's contents, and the promises about the repository's top level and its CI."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lincae_studio import __version__

ROOT = Path(__file__).resolve().parents[2]

TOP_LEVEL = {
    "lincae_studio",
    "resources",
    "tests",
    "packaging",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
}

STEMS = ("drums", "bass", "keys", "guitar", "strings", "lead")


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def read(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(ending)]
        return archive.read(name).decode()


def test_the_wheel_is_for_any_platform_and_has_the_version(wheel: Path) -> None:
    assert wheel.name == f"lincae_studio-{__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_demo_song(wheel: Path, names: set[str]) -> None:
    demo = {f"lincae_studio/resources/demo/{stem}.ogg" for stem in STEMS}
    assert demo | {"lincae_studio/resources/demo/paper_lanterns.lincae"} <= names
    with zipfile.ZipFile(wheel) as archive:
        for name in demo:
            source = ROOT / name.removeprefix("lincae_studio/")
            assert archive.read(name) == source.read_bytes()


def test_the_wheel_holds_the_notebooks(names: set[str]) -> None:
    notebooks = {f"lincae_studio/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("resources/notebooks/*")}
    assert len(notebooks) == 3
    assert notebooks <= names


def test_the_wheel_holds_every_module(names: set[str]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lincae_studio").rglob("*.py")}
    assert modules <= names


def test_the_wheel_installs_the_command_and_the_window(wheel: Path) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(read(wheel, ".dist-info/entry_points.txt"))
    assert dict(entry_points["console_scripts"]) == {"lincae-studio": "lincae_studio.cli:main"}
    assert dict(entry_points["gui_scripts"]) == {"lincae-studio-window": "lincae_studio.cli:main"}


def test_the_wheel_is_typed(wheel: Path, names: set[str]) -> None:
    assert "lincae_studio/py.typed" in names
    assert "Classifier: Typing :: Typed" in read(wheel, ".dist-info/METADATA")


def test_every_dependency_has_a_tested_version_within_its_range() -> None:
    """`packaging/constraints.txt` fixes what pyproject.toml leaves open."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    lines = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    filled = [line for line in lines if line and not line.startswith("#")]
    fixed = {canonicalize_name(one.name): one.specifier for one in map(Requirement, filled)}
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, wanted):
        if requirement.name != project["name"]:
            (version,) = (one.version for one in fixed[canonicalize_name(requirement.name)])
            assert requirement.specifier.contains(version), requirement


def test_the_wheel_holds_the_licence(wheel: Path) -> None:
    assert read(wheel, ".dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "License-Expression: Apache-2.0" in read(wheel, ".dist-info/METADATA")


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert tops == {"lincae_studio", f"lincae_studio-{__version__}.dist-info"}
    parts = {part for name in names for part in name.split("/")}
    assert not [part for part in parts if part in ("tests", "__pycache__") or part.startswith("test_")]


def test_ci_runs_the_test_script() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "exec bash packaging/test.sh" in lines


def test_the_top_level_holds_what_it_should() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    tops = {name.split("/")[0] for name in listed.stdout.split("\0") if name}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL
