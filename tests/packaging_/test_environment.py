"""Installing the wheel changes neither torch nor numpy in an environment that has newer ones.

pip resolves the wheel's own requirements and those of all packages of this environment, for which small wheels stand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.codecs.wheels import write_wheel

#: Extras that a user can install. The packages of `train` exclude a torch 4.
EXTRAS = ["train", "diffusers", "cluster"]


def requirements(texts: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    """Those that apply to this platform and to the extras."""
    for requirement in map(Requirement, texts):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in ("", *extras)):
            yield requirement


def stand_in(folder: Path, wanted: Iterable[Requirement]) -> None:
    """Write a wheel without content for each package, and for those that it needs, as they are installed here."""
    pending, done = list(wanted), set()
    while pending:
        one = pending.pop()
        name = canonicalize_name(one.name).replace("-", "_")
        if (name, *one.extras) not in done:
            done.add((name, *one.extras))
            needs = metadata.requires(one.name) or []
            write_wheel(folder, name, metadata.version(one.name), "", *needs)
            pending += requirements(needs, one.extras)


def pip(environment: Path, *arguments: str | Path) -> None:
    """Run pip for another environment, with no index and no configuration but the arguments."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [sys.executable, "-m", "pip", "--python", str(environment), "install", "--no-index", "--no-compile", "-q"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        env={**variables, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def versions(environment: Path) -> dict[str, str]:
    place = {"base": str(environment), "platbase": str(environment)}
    site = sysconfig.get_path("purelib", "venv", place)
    return {canonicalize_name(one.name): one.version for one in metadata.distributions(path=[site])}


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(("extras", "newer"), [([], "99.0"), (EXTRAS, "3.99")], ids=["plain", "with extras"])
def test_a_newer_torch_and_numpy_stay(wheel: Path, tmp_path: Path, extras: list[str], newer: str) -> None:
    environment, index, present = tmp_path / "environment", tmp_path / "index", tmp_path / "present"
    for folder in (index, present):
        folder.mkdir()
    (distribution,) = metadata.distributions(name="lincae-studio", path=[str(wheel)])
    stand_in(index, requirements(distribution.requires or [], extras))
    assert list(index.glob("torch-*"))
    assert list(index.glob("numpy-*")), "an older version could be installed"
    for name in ("torch", "numpy"):
        write_wheel(present, name, newer, "")
    venv.create(environment)
    pip(environment, *present.iterdir())
    before = versions(environment)
    assert before == {"torch": newer, "numpy": newer}
    pip(environment, "--find-links", index, f"{wheel}[{','.join(extras)}]" if extras else wheel)
    after = versions(environment)
    assert after.items() >= before.items()
    assert {"lincae-studio", "safetensors", *(["lightning", "diffusers", "ray"] if extras else [])} <= after.keys()
