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


def test_a_file_too_large_for_a_project_is_not_kept(tmp_path: Path) -> None:
    project = tmp_path / "song.lincae"
    with project.open("wb") as file:
        file.truncate(files.MAX_BYTES + 1)
    with pytest.raises(OSError, match="more than"):
        versions.keep(tmp_path / "versions", project)
    assert versions.versions(tmp_path / "versions", project) == []


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


@pytest.mark.parametrize("ahead", [2.0**33, -(2.0**30)])
def test_a_clock_that_was_wrong_does_not_cost_newer_versions(tmp_path: Path, ahead: float) -> None:
    project = tmp_path / "song.lincae"
    for number in range(2 * versions.KEPT):
        save(project, number)
        time_s = 1_700_000_000 + number + (ahead if number < versions.KEPT else 0)
        os.utime(project, (time_s, time_s))
        versions.keep(tmp_path / "versions", project)
    found = versions.versions(tmp_path / "versions", project)
    assert len(found) == versions.KEPT
    kept = {versions.load(version, project).tracks[0].name for version in found}
    assert kept == {f"take {number}" for number in range(versions.KEPT, 2 * versions.KEPT)}


@pytest.mark.parametrize("time_s", [-5, 0, 2**34 - 1])
def test_a_project_with_any_time_can_be_kept(tmp_path: Path, time_s: int) -> None:
    project = tmp_path / "song.lincae"
    save(project, 1)
    os.utime(project, (time_s, time_s))
    versions.keep(tmp_path / "versions", project)
    [version] = versions.versions(tmp_path / "versions", project)
    assert versions.load(version, project).tracks[0].name == "take 1"


@pytest.mark.linux("permissions, links and named pipes")
def test_versions_and_locks_are_private_and_no_link_is_followed(tmp_path: Path) -> None:
    project = tmp_path / "song.lincae"
    save(project, 1)
    for name in ("versions", "locks"):
        (tmp_path / name).mkdir(mode=0o755)
    versions.keep(tmp_path / "versions", project)
    lock = ProjectLock(tmp_path / "locks")
    assert lock.acquire(project)
    for name in ("versions", "locks"):
        for path in (tmp_path / name, *(tmp_path / name).rglob("*")):
            assert os.stat(path).st_mode & 0o077 == 0, path
    lock.release()
    [version] = versions.versions(tmp_path / "versions", project)
    version.path.unlink()
    version.path.symlink_to("/dev/zero")
    (version.path.parent / "nowhere.lincae").symlink_to(tmp_path / "nothing")
    os.mkfifo(version.path.parent / "pipe.lincae")
    found = versions.versions(tmp_path / "versions", project)
    assert len(found) == 2
    for version in found:
        with pytest.raises(ProjectError, match="cannot open"):
            versions.load(version, project)
