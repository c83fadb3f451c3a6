"""Earlier versions of project files, and locks on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lincae_studio.errors import ProjectError
from lincae_studio.session import edits, files, versions
from lincae_studio.session.locks import ProjectLock
from lincae_studio.session.model import Session
from tests.helpers import REPOSITORY


def save(project: Path, number: int) -> Session:
    """Save a session that can be told from others, a minute after the one before."""
    session = edits.add_track(Session(), f"take {number}")
    files.save(session, project)
    os.utime(project, (60 * number, 60 * number))
    return session


def test_the_last_ten_are_kept_newest_first(tmp_path: Path) -> None:
    root, project = tmp_path / "versions", tmp_path / "song.lincae"
    versions.keep(root, project)
    assert versions.versions(root, project) == [], "there is nothing to replace"
    sessions = []
    for number in range(14):
        versions.keep(root, project)
        sessions.append(save(project, number))
    found = versions.versions(root, project)
    assert [version.saved for version in found] == [60.0 * number for number in range(12, 2, -1)]
    assert [versions.load(version, project) for version in found] == sessions[12:2:-1]
    assert files.load(project) == sessions[13]


def test_projects_of_one_name_are_kept_apart_and_what_did_not_change_once(tmp_path: Path) -> None:
    root = tmp_path / "versions"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "song.lincae", 1)
    for _ in range(3):
        versions.keep(root, tmp_path / "a" / "song.lincae")
    assert len(versions.versions(root, tmp_path / "a" / "song.lincae")) == 1
    assert versions.versions(root, tmp_path / "b" / "song.lincae") == []


def test_a_damaged_version_is_an_error_of_its_own(tmp_path: Path) -> None:
    root, project = tmp_path / "versions", tmp_path / "song.lincae"
    save(project, 1)
    versions.keep(root, project)
    [version] = versions.versions(root, project)
    version.path.write_bytes(b"{")
    with pytest.raises(ProjectError):
        versions.load(version, project)
    version.path.unlink()
    with pytest.raises(ProjectError, match="no such file"):
        versions.load(version, project)


HOLD = """
import sys
from pathlib import Path
from lincae_studio.session.locks import ProjectLock
lock = ProjectLock(Path(sys.argv[1]))
print(lock.acquire(Path(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def test_a_lock_works_between_programs_and_ends_with_them(tmp_path: Path) -> None:
    project = tmp_path / "song.lincae"
    (tmp_path / "link.lincae").symlink_to(project)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "locks"), str(project)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        lock = ProjectLock(tmp_path / "locks")
        assert not lock.acquire(project)
        assert not lock.acquire(tmp_path / "link.lincae"), "the same file by another name"
        assert lock.acquire(tmp_path / "other.lincae")
        other.kill()
        other.wait()
    assert lock.acquire(project)
    assert lock.acquire(project), "it has it"
    second = ProjectLock(tmp_path / "locks")
    assert not second.acquire(project)
    assert second.acquire(tmp_path / "other.lincae"), "it was released for the next one"
    lock.release()
    assert second.acquire(project)


def test_without_lock_files_every_project_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert ProjectLock(tmp_path / "file").acquire(tmp_path / "song.lincae")
