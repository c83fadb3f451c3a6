"""The examples of the documentation run: those in docstrings, and the blocks of the manual, in their order."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import types
from pathlib import Path

import pytest

import lincae_studio as ls
from lincae_studio import studio
from lincae_studio.datasets.records import Job
from lincae_studio.datasets.run import run
from lincae_studio.datasets.sources import items_of
from lincae_studio.paths import resource
from tests.helpers import DEMO, noise, tone, write_audio

MODULES = [f"{studio.__name__}.{module.name}" for module in pkgutil.iter_modules(studio.__path__)]

#: The pages of the manual whose Python is run, with the least number of its blocks.
PAGES = {"Sessions in Python": 5, "Data sets": 2}


@pytest.fixture
def stems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that examples name."""
    folder = tmp_path / "work"
    for number, name in enumerate(("drums", "bass", "vocals")):
        audio = noise(number, 4 * 44_100) if number != 1 else tone(110.0, 4 * 44_100)
        write_audio(folder / f"{name}.wav", audio)
    run(Job(kind="encode", codec="mdct-4x"), items_of(str(folder)), folder / "latents")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str, stems: Path) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert not result.failed


def test_there_are_examples() -> None:
    found = [test for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    assert sum(len(test.examples) for test in found) >= 10


@pytest.mark.parametrize("title", PAGES)
def test_the_blocks_of_the_manual_run(title: str, stems: Path) -> None:
    manual = resource("manual/manual.md").read_text(encoding="utf-8")
    page = manual.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= PAGES[title]
    names: dict[str, object] = {"__name__": "__main__"}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"block {number} of the manual", "exec"), names)
    assert (stems / "song.lincae").exists() == (title == "Sessions in Python")


def public(value: object) -> list[tuple[str, object]]:
    """The public attributes that a class of ours defines, or inherits from one of ours."""
    assert isinstance(value, type)
    owners = [one for one in value.__mro__ if one.__module__.startswith("lincae_studio")]
    found = {name: one for owner in reversed(owners) for name, one in vars(owner).items() if not name.startswith("_")}
    return [(name, one) for name, one in found.items() if isinstance(one, property | types.FunctionType | classmethod)]


def test_every_public_name_is_described() -> None:
    for name in set(ls.__all__) - {"__version__"}:
        value = getattr(ls, name)
        assert value.__doc__, name
        if isinstance(value, type) and value.__module__.startswith(studio.__name__):
            for own, member in public(value):
                described = getattr(member, "__doc__", None)
                plain = own in ("name", "mute", "solo", "figures") or isinstance(member, property)
                assert described or plain, f"{name}.{own}"


def test_names_are_loaded_when_they_are_used() -> None:
    assert set(ls.__all__) <= set(dir(ls))
    assert ls.open == ls.Session.open
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ls.nothing  # noqa: B018


def test_the_demo_opens() -> None:
    song = ls.open(DEMO / "paper_lanterns.lincae")
    assert [track.name for track in song] == ["Drums", "Bass", "Keys", "Guitar", "Strings", "Lead"]
