"""Replacing files: permissions, and temporary files of programs that were killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lincae_studio import atomic
from tests.helpers import REPOSITORY

LONG_AGO = 5 * 3600.0


def mode_of(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def age(path: Path, seconds: float = LONG_AGO) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@pytest.mark.linux("permissions")
def test_a_replaced_file_keeps_its_permissions_and_a_new_one_has_the_usual_ones(folder: Path) -> None:
    (folder / "usual").touch()
    atomic.write_bytes(folder / "new", b"1")
    assert mode_of(folder / "new") == mode_of(folder / "usual")
    for mode in (0o600, 0o640, 0o666):
        (folder / "new").chmod(mode)
        atomic.write_bytes(folder / "new", b"2")
        assert mode_of(folder / "new") == mode
    atomic.write_bytes(folder / "new", b"3", private=True)
    atomic.write_bytes(folder / "secret", b"3", private=True)
    assert (mode_of(folder / "new"), mode_of(folder / "secret")) == (0o600, 0o600)


@pytest.mark.linux("permissions")
def test_the_temporary_file_of_a_private_file_is_private(folder: Path) -> None:
    (folder / "secret").touch(mode=0o600)
    with atomic.replacing(folder / "secret") as temporary:
        assert mode_of(temporary) == 0o600


KILLED = """
import sys
from pathlib import Path
from lincae_studio import atomic
with atomic.replacing(Path(sys.argv[1]) / "mix.wav") as temporary:
    temporary.write_bytes(b"half")
    print(temporary, flush=True)
    sys.stdin.read()
"""


@pytest.mark.linux("locks on files")
def test_the_temporary_file_of_a_killed_program_is_swept_but_not_that_of_a_living_one(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", KILLED, str(folder)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        temporary = Path(program.stdout.readline().strip())
        age(temporary)
        atomic.sweep(folder)
        assert temporary.read_bytes() == b"half", "its program lives"
        program.send_signal(signal.SIGKILL)
        program.wait()
    with atomic.replacing(folder / "other.wav") as other:
        other.write_bytes(b"whole")
    assert os.listdir(folder) == ["other.wav"]


def test_only_old_temporary_files_of_ours_are_swept(folder: Path, tmp_path: Path) -> None:
    name = "." + "0" * 32 + ".part"
    kept = [folder / other for other in ("a.part", ".a.part", name[1:], name + "\n")]
    for path in kept:
        path.touch()
        age(path)
    (folder / name.replace("0", "1")).write_text("new")
    (folder / name.replace("0", "2")).symlink_to(tmp_path)
    atomic.sweep(folder)
    assert len(os.listdir(folder)) == len(kept) + 2
    for number, seconds in ((3, LONG_AGO), (4, -LONG_AGO)):  # the clock was ahead
        (folder / name.replace("0", str(number))).touch()
        age(folder / name.replace("0", str(number)), seconds)
    (folder / ".0123456789abcdef.01234567.part" / "audio").mkdir(parents=True)
    age(folder / ".0123456789abcdef.01234567.part")
    atomic.sweep(folder)
    assert len(os.listdir(folder)) == len(kept) + 2
    atomic.sweep(folder / "nothing")


@pytest.mark.linux("other users")
def test_temporary_files_of_other_users_are_not_swept(folder: Path) -> None:
    path = folder / ("." + "0" * 32 + ".part")
    path.touch()
    try:
        os.chown(path, 65_534, 65_534)
    except PermissionError:
        pytest.skip("only root can give files away")
    atomic.sweep(age(path).parent)
    assert path.exists()


@pytest.mark.linux("locks on folders")
def test_a_folder_that_is_being_filled_is_not_swept(folder: Path) -> None:
    path = folder / ".0123456789abcdef.01234567.part"
    path.mkdir()
    with atomic.held(path):
        atomic.sweep(age(path).parent)
        assert path.exists()
    atomic.sweep(folder)
    assert not path.exists()
