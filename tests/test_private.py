"""Files that only the user can read, and folders that another user may have created first."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lincae_studio import paths, private

pytestmark = pytest.mark.linux("permissions, owners and named pipes")

#: A user who is not this one.
OTHER = 65_534


def mode_of(path: Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder in which everybody may write, as `/tmp`."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def of_another_user(path: Path) -> Path:
    try:
        os.chown(path, OTHER, OTHER)
    except PermissionError:
        pytest.skip("only root can give files away")
    return path


def test_folders_are_made_private_with_their_parents(tmp_path: Path) -> None:
    folder = private.make(tmp_path / "data" / "recovery")
    assert (mode_of(folder), mode_of(folder.parent)) == (0o700, 0o700)


def test_existing_folders_become_private_unless_the_user_chose_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    chosen, ours = tmp_path / "chosen", tmp_path / "ours"
    chosen.mkdir(mode=0o755)
    ours.mkdir(mode=0o755)
    private.make(chosen, tighten=False, checked=False)
    private.make(ours)
    assert (mode_of(chosen), mode_of(ours), mode_of(tmp_path)) == (0o755, 0o700, 0o755)


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "more"):
        with pytest.raises(OSError, match=r"."):
            private.make(path)


def test_a_folder_of_another_user_in_a_shared_place_is_refused(shared: Path) -> None:
    taken = shared / "lincae-studio-1000"
    (taken / "recovery").mkdir(parents=True)
    of_another_user(taken)
    for folder in (taken, taken / "recovery", taken / "not there"):
        with pytest.raises(PermissionError, match="another user"):
            private.check(folder)
        with pytest.raises(PermissionError, match="another user"):
            private.make(folder)


def test_a_folder_of_another_user_in_ours_is_refused(shared: Path) -> None:
    (shared / "ours").mkdir(mode=0o700)
    planted = shared / "ours" / "recovery"
    planted.mkdir()
    of_another_user(planted)
    private.check(shared / "ours")
    with pytest.raises(PermissionError, match="another user"):
        private.check(planted)


def test_a_link_in_a_shared_place_is_refused(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (shared / "link").symlink_to(tmp_path / "secret")
    (shared / "nowhere").symlink_to(tmp_path / "nothing")
    for folder in (shared / "link", shared / "link" / "recovery", shared / "nowhere", shared / "nowhere" / "x"):
        with pytest.raises(OSError, match=r"not a folder|No such file"):
            private.check(folder)
        with pytest.raises(OSError, match=r"."):
            private.make(folder)
    assert not (tmp_path / "nothing").exists()


def test_others_cannot_write_to_a_folder_in_a_shared_place(shared: Path) -> None:
    folder = shared / "ours"
    folder.mkdir()
    folder.chmod(0o777)
    private.check(folder)
    assert mode_of(folder) == 0o755


def test_missing_folders_pass_the_check(shared: Path) -> None:
    private.check(shared / "not" / "there")


def test_only_regular_files_are_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "endless").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert private.read(tmp_path / "file", 5) == b"12345"
    for name, limit in (("file", 4), ("link", 9), ("endless", 9), ("pipe", 9), (".", 9), ("nothing", 9)):
        with pytest.raises(OSError, match=r"."):
            private.read(tmp_path / name, limit)
    for name in ("link", "endless", "pipe", "."):
        with pytest.raises(OSError, match=r"."):
            private.open_to_write(tmp_path / name)
    assert (tmp_path / "file").read_bytes() == b"12345"


def test_written_files_are_private(tmp_path: Path) -> None:
    with private.open_to_write(tmp_path / "file") as file:
        file.write(b"12345")
    with private.open_to_write(tmp_path / "file") as file:
        file.write(b"1")
    assert ((tmp_path / "file").read_bytes(), mode_of(tmp_path / "file")) == (b"1", 0o600)


def test_a_file_with_another_name_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch(mode=0o644)
    os.link(tmp_path / "theirs", tmp_path / "cache")
    private.keep_from_others(tmp_path / "cache")
    assert mode_of(tmp_path / "theirs") == 0o644
    (tmp_path / "theirs").unlink()
    private.keep_from_others(tmp_path / "cache")
    assert mode_of(tmp_path / "cache") == 0o600


def test_the_fallback_folder_is_never_one_of_another_user(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    first = paths.recovery_dirs()[1].parent
    assert first.parent == shared
    first.mkdir()
    assert paths.recovery_dirs()[1].parent == first
    of_another_user(first)
    second = paths.recovery_dirs()[1].parent
    assert second.parent == shared
    assert second != first
    private.make(second)
    assert paths.recovery_dirs()[1].parent == second
