"""Small wheels that stand for torch and the hub's client, and an index of them."""

from __future__ import annotations

import hashlib
import os
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from lincae_studio import paths
from lincae_studio.codecs import neural


def write_wheel(folder: Path, name: str, version: str, code: str, *requires: str, padding: int = 0) -> None:
    """A wheel with one module, and a file of `padding` bytes; `name` as in file names, without dashes."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    texts = {
        f"{name}.py": code,
        f"{name}.txt": " " * padding,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in texts.items():
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text)}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**texts, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


def fake_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let `neural` install a small package and what that needs. Returns the folder of their wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "torch_like", "2.1", "import hub_like\nVALUE = hub_like.VALUE + 1\n", "hub_like>=1")
    write_wheel(folder, "torch_like", "3.0", "raise ImportError('newer than the tested version')\n")
    write_wheel(folder, "hub_like", "1.5", "VALUE = 41\n")
    (tmp_path / "constraints.txt").write_text("torch_like==2.1\n")
    monkeypatch.setattr(paths, "constraints", lambda: tmp_path / "constraints.txt")
    monkeypatch.setattr(neural, "PACKAGES", ("torch_like",))
    monkeypatch.setattr(neural, "torch_included", lambda: False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder
