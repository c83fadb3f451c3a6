"""The codec on the page for contributors, built as a package and installed beside the program, in a new environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import REPOSITORY, noise, read_audio, si_sdr_db, write_audio
from tests.packaging_.building import build_wheel

PAGE = REPOSITORY / ".github" / "CONTRIBUTING.md"

pytestmark = [pytest.mark.slow, pytest.mark.process]


def files_on_the_page() -> dict[str, str]:
    """The files of the package: each a name in backquotes, and the block of code that follows."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return dict(found)


class Environment:
    """A new virtual environment with the program and what it needs, by a link to the packages of this one."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.packages = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        here = [str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))]
        (self.packages / "program.pth").write_text("\n".join(here) + "\n", encoding="utf-8")

    def run(self, *arguments: object) -> str:
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        command = [str(self.python), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def studio(self, *arguments: object) -> str:
        return self.run("-m", "lincae_studio", *arguments)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the package on the page."""
    folder = tmp_path_factory.mktemp("package")
    files = files_on_the_page()
    assert set(files) == {"pyproject.toml", "blocks_codec.py"}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return build_wheel(folder, folder / "dist")


def test_a_package_adds_a_codec(package: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment")
    before = {row["id"] for row in json.loads(environment.studio("codecs", "list", "--json"))}
    assert "blocks-2x" not in before
    environment.run("-m", "pip", "install", "--no-deps", "--no-index", "--target", environment.packages, package)
    rows = {row["id"]: row for row in json.loads(environment.studio("codecs", "list", "--json"))}
    assert rows.keys() == before | {"blocks-2x"}
    row = rows["blocks-2x"]
    assert (row["family"], row["package"], row["installed"]) == ("blocks", "blocks-codec 1.0", True)
    assert rows["mdct-2x"]["package"] is None
    time_s = np.arange(60_000) / 44_100
    stem = write_audio(tmp_path / "stem.wav", np.sin(2 * np.pi * 440 * time_s)[:, None].astype(np.float32) * 0.5)
    environment.studio("mix", stem, "-o", tmp_path / "mix.wav", "--codec", "blocks-2x")
    assert si_sdr_db(read_audio(tmp_path / "mix.wav"), read_audio(stem)) > 20.0
    other = write_audio(tmp_path / "other.wav", noise(1, 200_000, level=0.1))
    figures = json.loads(environment.studio("evaluate", "blocks-2x", other, "--json"))
    assert figures["codec"] == "blocks-2x"
