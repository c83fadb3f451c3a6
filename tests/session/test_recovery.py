"""Recovery trusts nothing: damaged folders, and folders of other users, neither stop it nor hide good ones."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lincae_studio.errors import ProjectError
from lincae_studio.session import edits, files, recovery
from lincae_studio.session.journal import Journal
from lincae_studio.session.model import Session
from lincae_studio.session.recovery import leftovers, recover
from tests.session.test_journal import line_of

pytestmark = pytest.mark.linux("links, named pipes, owners and permissions")

OTHER = 65_534

SONG = edits.add_track(Session(), "good")


def leave_behind(root: Path, name: str, changed: object = 1000.0) -> Path:
    """A recovery folder as a crash leaves it: a snapshot, and a journal with one edit."""
    folder = root / name
    folder.mkdir(parents=True)
    files.save(Session(), folder / "1.lincae")
    (folder / "1.journal").write_bytes(line_of(Session(), SONG))
    info = {"format": "lincae-studio-journal", "version": 2, "title": name, "project": "", "changed": changed}
    (folder / "info.json").write_text(json.dumps(info))
    return folder


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return change


def made(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda folder: (make(folder / name), None)[1]


def written(name: str, data: bytes) -> Callable[[Path], None]:
    return replaced(name, lambda path: path.write_bytes(data))


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**40)


#: What can be wrong with a folder, and whether the session in it can be recovered.
STRANGE: dict[str, tuple[Callable[[Path], None], bool]] = {
    **{
        f"{name}: {make.__name__}": (replaced(name, make), name in ("info.json", "1.journal", "tried"))
        for name in ("info.json", "1.lincae", "1.journal", "tried")
        for make in (os.mkfifo, endless, sparse, os.mkdir)
        if (name, make) != ("tried", sparse)
    },
    **{f"lock: {make.__name__}": (replaced("lock", make), True) for make in (os.mkfifo, endless, os.mkdir)},
    **{
        f"snapshot {name}": (made(f"{name}.lincae", Path.touch), True)
        for name in (
            "².lincae",
            "1².lincae",
            "٣.lincae",
            "-1.lincae",
            "9" * 200 + ".lincae",
            "999999.lincae",
            "x.lincae",
        )
    },
    "snapshot with a line break": (made("2.lincae\n", Path.touch), True),
    "journal with a huge checksum": (
        written("1.journal", b"f" * 10**6 + b" {}\n"),
        True,
    ),
    "journal of nested lists": (
        written("1.journal", b"0 " + b"[" * 10**6 + b"\n"),
        True,
    ),
    "information of nested lists": (written("info.json", b"[" * 10**6), True),
    "information in another code": (written("info.json", b"\xff\xfe"), True),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_folder_hides_no_other(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "recovery"
    for name in ("a good", "z good"):
        leave_behind(root, name)
    strange = leave_behind(root, "m strange")
    STRANGE[kind][0](strange)
    found = {left.folder.name: left.folder for left in leftovers(root)}
    assert {"a good", "z good"} <= set(found)
    for folder in found.values():
        if folder != strange:
            assert recover(folder).session == SONG
    if STRANGE[kind][1] and not kind.startswith("lock"):
        assert recover(found["m strange"]).session in (SONG, Session())
    elif "m strange" in found:
        with pytest.raises(ProjectError, match="m strange"):
            recover(found["m strange"])


@pytest.mark.parametrize("changed", ["1e308", "-1e308", "1e400", "-5", '"yesterday"', "null", "9" * 5000, "NaN"])
def test_a_strange_time_does_not_end_recovery(tmp_path: Path, changed: str) -> None:
    leave_behind(tmp_path, "good")
    strange = leave_behind(tmp_path, "strange")
    text = (strange / "info.json").read_text()
    (strange / "info.json").write_text(text.replace("1000.0", changed))
    found = leftovers(tmp_path)
    assert {left.folder.name for left in found} == {"good", "strange"}
    assert all(0.0 <= left.info.changed < 1e12 for left in found)


def test_links_and_files_among_the_folders_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "recovery"
    leave_behind(root, "good")
    elsewhere = leave_behind(tmp_path / "elsewhere", "secret")
    (root / "link").symlink_to(elsewhere)
    (root / "loop").symlink_to("loop")
    (root / "file").touch()
    os.mkfifo(root / "pipe")
    assert [left.folder.name for left in leftovers(root)] == ["good"]
    assert not (elsewhere / "lock").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_folders_of_another_user_in_the_temporary_folder_are_ignored(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    root = shared / "lincae-studio-0" / "recovery"
    planted = leave_behind(root, "planted")
    for path in (planted, root, root.parent):
        os.chown(path, OTHER, OTHER)
    problems: list[str] = []
    before = sorted(path.name for path in root.rglob("*"))
    assert leftovers(root) == []
    with pytest.raises(ProjectError, match="planted"):
        recover(planted)
    blocked = tmp_path / "file"
    blocked.touch()
    journal = Journal(root, lambda error: problems.append(str(error)), blocked / "below a file")
    journal.record(SONG, "Edit", "song", None)
    assert not journal.settle(0.5)
    journal.close()
    assert len(problems) == 1
    assert "save often" in problems[0]
    assert sorted(path.name for path in root.rglob("*")) == before


def test_everything_that_is_recorded_is_private(tmp_path: Path) -> None:
    root = tmp_path / "data" / "recovery"
    root.mkdir(parents=True, mode=0o755)
    mask = os.umask(0)
    try:
        journal = Journal(root, lambda error: pytest.fail(str(error)))
        for name in ("one", "two"):
            journal.record(edits.add_track(Session(), name), "Edit", "song", None)
            assert journal.settle()
        folder = journal.folder
        assert folder is not None
        paths = [root, folder, *folder.iterdir()]
        assert {path.name for path in paths} >= {"1.lincae", "1.journal", "info.json", "lock"}
        assert [path for path in paths if os.stat(path).st_mode & 0o077] == []
        journal.close()
    finally:
        os.umask(mask)


def test_a_folder_that_another_window_is_just_creating_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    assert leftovers(tmp_path) == []
    assert folder.exists()
    os.utime(folder, (1000, 1000))
    (folder / "lock").touch()
    os.utime(folder, (1000, 1000))
    assert leftovers(tmp_path) == []
    assert not folder.exists(), "its program ended long ago"


def test_windows_that_look_for_leftovers_do_not_disturb_one_that_starts(tmp_path: Path) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def look() -> None:
        while not stop.is_set():
            seen.append(len(leftovers(tmp_path / "recovery")))

    looking = threading.Thread(target=look)
    looking.start()
    problems: list[object] = []
    for _ in range(10):
        journal = Journal(tmp_path / "recovery", problems.append, tmp_path / "fallback")
        journal.record(SONG, "Edit", "song", None)
        assert journal.settle()
        journal.close()
    stop.set()
    looking.join()
    assert not problems
    assert set(seen) <= {0}
    assert not (tmp_path / "fallback").exists()
    shutil.rmtree(tmp_path / "recovery")


def test_an_endless_journal_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = leave_behind(tmp_path, "long")
    monkeypatch.setattr(recovery, "_MAX_BYTES", 1000)
    lines = [line_of(SONG, edits.rename_track(SONG, 1, str(number))) for number in range(50)]
    with open(folder / "1.journal", "ab") as file:
        file.writelines(lines)
    found = recover(folder)
    assert found.damaged
    assert 1 <= found.edits < 20
