"""The journal: edits are recovered, however the program ended and whatever happened to its files."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from lincae_studio.errors import ProjectError, StudioError
from lincae_studio.session import edits, groups, journal, processing, recovery
from lincae_studio.session.delta import apply, delta
from lincae_studio.session.journal import Journal
from lincae_studio.session.model import Point, Session
from lincae_studio.session.processes import Reverse
from lincae_studio.session.recovery import leftovers, recover
from tests.helpers import REPOSITORY, FullDisk, eventually, made_up_media
from tests.strategies import sessions


@given(sessions(edited=True), sessions(edited=True))
def test_a_difference_leads_from_any_session_to_any_other(one: Session, other: Session) -> None:
    assert apply(one, delta(one, other)) == other
    assert apply(other, delta(other, one)) == one


def test_a_small_edit_is_a_small_difference() -> None:
    session = song(tracks=20, clips=50)
    louder = edits.set_track_gain(session, session.tracks[3].id, 0.5)
    change = delta(session, louder)
    assert change.order is None
    assert not change.fields
    assert change.tracks == ({"id": session.tracks[3].id, "gain": 0.5},)


def song(tracks: int = 2, clips: int = 1) -> Session:
    session = Session()
    for number in range(tracks):
        media = made_up_media(number, 100_000)
        session = edits.add_track(edits.add_media(session, media))
        for clip in range(clips):
            session = edits.add_clip(session, session.tracks[-1].id, media, clip * 100_000)
    return session


class Kept:
    """A journal, and what it says."""

    def __init__(self, root: Path, fallback: Path | None = None) -> None:
        self.problems: list[StudioError] = []
        self.journal = Journal(root, self.problems.append, fallback)

    def record(self, session: Session, text: str = "Edit") -> None:
        self.journal.record(session, text, "song", Path("/music/song.lincae"))
        assert self.journal.settle()

    def crash(self) -> Path:
        """As if the program had ended: the lock goes, the files stay."""
        folder = self.journal.folder
        assert folder is not None
        self.journal.close(keep=True)
        return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "recovery"


def history(count: int = 5) -> list[Session]:
    """A session and some edits of it, of all kinds."""
    found = [song()]
    for number in range(count):
        session = found[-1]
        track = session.tracks[0]
        change = number % 5
        if change == 0:
            session = edits.set_track_gain(session, track.id, 0.1 * number + 0.05)
        elif change == 1:
            session = edits.add_track(session)
        elif change == 2:
            session = edits.split_clips(session, [track.clips[0].id], 1000 + number)
        elif change == 3:
            session = groups.place_tracks(session, {track.id}, len(session.tracks))
        else:
            session = edits.set_gain_points(session, track.id, [Point(number, 0.5)])
        found.append(session)
    return found


def test_edits_are_recovered(root: Path) -> None:
    kept = Kept(root)
    for session in history(10):
        kept.record(session)
    folder = kept.crash()
    [left] = leftovers(root)
    assert (left.folder, left.info.title, left.info.project, left.tried) == (
        folder,
        "song",
        "/music/song.lincae",
        False,
    )
    found = recover(folder)
    assert (found.session, found.edits, found.damaged) == (history(10)[-1], 10, False)
    assert leftovers(root)[0].tried, (
        "so that one that cannot be opened is not offered again and again as if it were new"
    )
    assert not kept.problems


def test_a_running_program_is_not_a_leftover_and_a_saved_document_leaves_nothing(root: Path) -> None:
    kept = Kept(root)
    kept.record(song())
    assert leftovers(root) == []
    kept.journal.clean()
    assert kept.journal.settle()
    assert list(root.iterdir()) == []
    kept.record(song())
    kept.journal.close()
    assert list(root.iterdir()) == []


def test_a_snapshot_starts_a_new_journal_and_deletes_the_older_one(root: Path) -> None:
    kept = Kept(root)
    states = history(6)
    for session in states[:4]:
        kept.record(session)
    kept.journal.snapshot()
    assert kept.journal.settle()
    for session in states[4:]:
        kept.record(session)
    folder = kept.crash()
    assert {path.name for path in folder.iterdir()} - {"lock"} == {"2.lincae", "2.journal", "info.json"}
    found = recover(folder)
    assert (found.session, found.edits) == (states[-1], 3)


def test_no_snapshot_is_written_without_changes(root: Path) -> None:
    kept = Kept(root)
    kept.record(song())
    kept.journal.snapshot()
    assert kept.journal.settle()
    assert (kept.crash() / "1.lincae").exists()


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_line_that_is_not_whole_ends_the_journal(root: Path, cut: int) -> None:
    kept = Kept(root)
    states = history(4)
    for session in states:
        kept.record(session)
    folder = kept.crash()
    path = folder / "1.journal"
    path.write_bytes(path.read_bytes()[:-cut])
    found = recover(folder)
    assert (found.session, found.edits, found.damaged) == (states[-2], 3, True)


def test_a_line_that_reads_well_but_is_another_one_ends_the_journal(root: Path) -> None:
    kept = Kept(root)
    states = [song(), *(edits.set_track_gain(song(), song().tracks[0].id, gain) for gain in (0.25, 0.75))]
    for session in states:
        kept.record(session)
    folder = kept.crash()
    path = folder / "1.journal"
    assert path.read_bytes().count(b"0.75") == 1
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.15"))
    found = recover(folder)
    assert (found.session, found.edits, found.damaged) == (states[1], 1, True)


def test_a_damaged_snapshot_is_replaced_by_the_previous_one(root: Path) -> None:
    kept = Kept(root)
    kept.record(song())
    folder = kept.crash()
    (folder / "2.lincae").write_bytes((folder / "1.lincae").read_bytes()[:-50])
    assert recover(folder).session == song()
    (folder / "1.lincae").unlink()
    with pytest.raises(ProjectError):
        recover(folder)


def test_an_edit_that_breaks_a_rule_ends_the_journal(root: Path) -> None:
    kept = Kept(root)
    states = history(2)
    for session in states:
        kept.record(session)
    track = states[-1].tracks[0]
    bad = edits.change_clips(states[-1], [track.clips[0].id], lambda clip: clip)
    clip = msgspec.structs.replace(track.clips[0], length=10**9)
    changed = msgspec.structs.replace(track, clips=(clip,))
    bad = msgspec.structs.replace(bad, tracks=(changed, *bad.tracks[1:]))
    folder = kept.crash()
    with open(folder / "1.journal", "ab") as file:
        file.write(line_of(states[-1], bad))
    found = recover(folder)
    assert (found.session, found.edits, found.damaged) == (states[-1], 2, True)


def line_of(before: Session, after: Session) -> bytes:
    """The line of an edit, which is not checked."""
    data = msgspec.json.encode({"text": "Edit", "change": delta(before, after)})
    return b"%08x " % zlib.crc32(data) + data + b"\n"


@given(
    name=st.sampled_from(["1.journal", "1.lincae", "info.json"]),
    cuts=st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 5), st.binary(max_size=5)), min_size=1, max_size=4),
)
def test_a_damaged_journal_only_ever_yields_whole_edits(name: str, cuts: list[tuple[float, int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        kept = Kept(Path(temporary) / "recovery")
        states = history(4)
        for session in states:
            kept.record(session)
        folder = kept.crash()
        content = bytearray((folder / name).read_bytes())
        for place, length, put in cuts:
            start = int(place * len(content))
            content[start : start + length] = put
        (folder / name).write_bytes(bytes(content))
        assert len(leftovers(folder.parent)) == 1
        try:
            found = recover(folder)
        except ProjectError:
            return
        if name == "1.journal":
            assert found.session in states


def test_a_full_disk_is_reported_and_the_next_attempt_uses_another_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_RETRY_S", 0.05)
    kept = Kept(root, tmp_path / "other")
    states = history(3)
    kept.record(states[0])
    disk = FullDisk(0)

    def open_there(path: Path, mode: str) -> Any:
        return disk(path, mode) if root in path.parents else open(path, mode)

    monkeypatch.setattr(journal, "open", open_there, raising=False)
    assert kept.journal._file is not None
    kept.journal._file.close()
    kept.journal._file = disk(kept.journal.folder / "1.journal", "wb")  # type: ignore[operator]
    kept.journal.record(states[1], "Edit", "song", Path("/music/song.lincae"))
    eventually(lambda: kept.problems)
    assert "disk is full" in str(kept.problems[0])
    eventually(lambda: kept.journal.folder is not None and kept.journal.folder.parent == tmp_path / "other")
    kept.record(states[2])
    assert len(kept.problems) == 1
    assert list(root.iterdir()) == [], "the folder is no longer needed"
    found = recover(kept.crash())
    assert found.session == states[2]


@pytest.mark.linux("/proc lists open files")
def test_a_failure_leaves_no_file_open(root: Path) -> None:
    kept = Kept(root)
    states = history(2)
    kept.record(states[0])
    folder = kept.journal.folder
    assert folder is not None
    (folder / "info.json").unlink()
    (folder / "info.json").mkdir()
    kept.journal.record(states[1], "Edit", "another name", None)  # which begins another journal
    eventually(lambda: kept.problems)
    links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert [link for link in links if link.endswith(".journal")] == []
    (folder / "info.json").rmdir()
    kept.journal.close()


def test_having_no_folder_is_reported_and_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_RETRY_S", 0.05)
    (tmp_path / "file").touch()
    kept = Kept(tmp_path / "file")
    kept.journal.record(song(), "Edit", "song", None)
    eventually(lambda: kept.problems)
    (tmp_path / "file").unlink()
    assert kept.journal.settle()
    assert recover(kept.crash()).session == song()


KILLED = """
import sys
from pathlib import Path
from lincae_studio.session import edits
from lincae_studio.session.journal import Journal
from tests.session.test_journal import AT_ONCE, song
journal = Journal(Path(sys.argv[1]), lambda error: None)
session, number = song(), 0
while True:
    for _ in range(AT_ONCE):
        number += 1
        session = edits.rename_track(session, session.tracks[0].id, str(number))
        journal.record(session, "Rename", "song", None)
    if number % (10 * AT_ONCE) == 0:
        journal.snapshot()
    assert journal.settle(60.0)
    print(number, flush=True)
"""

#: Edits that are made before the program that is killed waits for the journal.
AT_ONCE = 5

#: How often the program is killed here; a longer run kills it more often.
KILLS = int(os.environ.get("LINCAE_STUDIO_KILLS", "6"))


@pytest.mark.slow
def test_a_killed_program_loses_nothing_that_was_written(root: Path) -> None:
    rng = random.Random(1)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root)], stdout=subprocess.PIPE, env=environment, text=True
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(rng.randint(1, 100))]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        written = int(said[-1])
        process.stdout.close()
        process.wait()
        [left] = leftovers(root)
        found = recover(left.folder)
        assert written <= int(found.session.tracks[0].name) <= written + AT_ONCE
        recovery.remove(left.folder)


def test_an_edit_is_written_without_waiting_for_the_clock(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash costs what the disk has not taken yet, and nothing that was put off."""
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: 0.0, time=lambda: 0.0))
    kept = Kept(root)
    for state in history(3):
        kept.record(state)
        assert kept.journal.folder is not None
        assert recover(kept.journal.folder).session == state
    kept.crash()


def test_another_name_is_written_at_once(root: Path) -> None:
    """A document that is replaced by a copy of another one is known by the new name after a crash."""
    kept = Kept(root)
    first, second = history(1)
    kept.journal.record(first, "Edit", "song", Path("/music/song.lincae"))
    assert kept.journal.settle()
    kept.journal.record(second, "Edit", "other (earlier)", None)
    assert kept.journal.settle()
    folder = kept.crash()
    [left] = leftovers(root)
    assert (left.info.title, left.info.project) == ("other (earlier)", "")
    assert recover(folder).session == second


def test_a_journal_of_another_version(root: Path) -> None:
    kept = Kept(root)
    states = history(3)
    for state in states:
        kept.record(state)
    folder = kept.crash()
    info = json.loads((folder / "info.json").read_text())
    (folder / "info.json").write_text(json.dumps(info | {"version": 1}))
    found = recover(folder)
    assert found.session == states[0], "its lines have other names, the snapshot is whole"
    assert found.damaged
    next(folder.glob("*.journal")).unlink()
    assert recover(folder).session == states[0], "it ended before there was one"
    (folder / "info.json").write_text(json.dumps(info | {"version": 99}))
    with pytest.raises(ProjectError, match="newer version"):
        recover(folder)


def test_processed_clips_are_recovered(tmp_path: Path) -> None:
    kept, session = Kept(tmp_path), song(tracks=2)
    kept.record(session)
    clip = next(session.clips())
    turned = processing.set_stretch(processing.add_process(session, {clip.id}, Reverse()), {clip.id}, factor=1.5)
    kept.record(turned, "Stretch")
    folder = kept.crash()
    assert recover(folder).session == turned
    assert not kept.problems
