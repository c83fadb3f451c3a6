"""Saved projects can be opened: values are checked when they enter a session, when they are written, and when read."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError, ProjectError
from lincae_studio.session import edits, files, places
from lincae_studio.session.journal import Journal
from lincae_studio.session.model import (
    MAX_FILE_RATE,
    MAX_LENGTH,
    MAX_PATH,
    Loop,
    Marker,
    Master,
    Original,
    Point,
    Session,
    Tempo,
)
from lincae_studio.session.recovery import recover
from lincae_studio.session.rules import check_change, validated
from tests.helpers import made_up_media
from tests.session.test_files import FIXTURES
from tests.session.test_journal import line_of


@cache
def song() -> Session:
    """Always the same value, so that what `check_change` is given differs only where a test changes it."""
    media = made_up_media(1, 100_000)
    return edits.add_clip(edits.add_track(Session()), 1, media, 0)


def with_media(**changes: object) -> Session:
    session = song()
    return replace(session, media=(replace(session.media[0], **changes),))


def with_track(**changes: object) -> Session:
    session = song()
    return replace(session, tracks=(replace(session.tracks[0], **changes),))


def with_clip(**changes: object) -> Session:
    session = song()
    return with_track(clips=(replace(session.tracks[0].clips[0], **changes),))


#: Sessions that cannot be opened again, each with a part of the message.
BAD: dict[str, tuple[Callable[[], Session], str]] = {
    "sample rate": (lambda: with_media(sample_rate=MAX_FILE_RATE + 1), "sample_rate_hz"),
    "size": (lambda: with_media(size=2**53 + 1), "size_bytes"),
    "no channel": (lambda: with_media(channels=0), "channels"),
    "channel 10,000": (lambda: with_media(channel_selection="10000"), "take"),
    "line break": (lambda: with_media(channel_selection="mix\n"), "take"),
    "digest": (lambda: with_media(digest="0" * 64 + "\n"), "digest"),
    "color": (lambda: with_track(color="#ffffff\n"), "color"),
    "original": (lambda: with_media(original=Original(digest="0" * 64, path="a", codec="")), "codec"),
    "name": (lambda: with_track(name="x" * 401), "name"),
    "gain": (lambda: with_clip(gain=float("nan")), "gain"),
    "pan": (lambda: with_track(pan=2.0), "pan"),
    "shape": (lambda: with_clip(fade_in_shape="round"), "fade_in_shape"),
    "clip": (lambda: with_clip(length=100_001), "past the end"),
    "track": (lambda: with_track(id=2**31), "id"),
    "master": (lambda: replace(song(), master=Master(gain=float("nan"))), "gain"),
    "envelope of the master": (lambda: replace(song(), master=Master(gain_points=(Point(0, 99.0),))), "master"),
    "height": (lambda: with_track(height=601), "height"),
    "low track": (lambda: with_track(height=1), "pixels high"),
    "unit of the tempo": (lambda: places.set_tempo(song(), Tempo(bpm=90.0, unit=3)), "unit"),  # type: ignore[arg-type]
    "tempo": (lambda: places.set_tempo(song(), Tempo(bpm=float("inf"))), "bpm"),
    "loop": (lambda: replace(song(), loop=Loop(start=5, end=6)), "loop"),
    "marker": (lambda: replace(song(), markers=(Marker(id=1, at=0, name=""),)), "same id"),
    "next id": (lambda: replace(song(), next_id=2), "next_id"),
    "codec": (lambda: replace(song(), codec="x" * 201), "codec"),
    "path": (lambda: with_media(path="/a\0.wav"), "NUL"),
    "long path": (lambda: with_media(path="/" + "x" * MAX_PATH), "characters"),
    "unicode": (lambda: with_track(name="drums \udcff"), r"drums \udcff"),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "song.lincae"
    files.save(song(), path)
    return path


@pytest.mark.parametrize("kind", BAD)
def test_a_good_file_is_not_replaced_by_one_that_cannot_be_opened(saved: Path, kind: str) -> None:
    session, said = BAD[kind][0](), BAD[kind][1]
    before = saved.read_bytes()
    with pytest.raises(ProjectError) as refused:
        files.save(session, saved)
    assert said in str(refused.value)
    assert refused.value.remedy
    assert saved.read_bytes() == before
    assert not list(saved.parent.glob("*.part"))


@pytest.mark.parametrize("kind", BAD)
def test_edits_that_could_not_be_opened_again_are_refused(kind: str) -> None:
    session, said = BAD[kind][0](), BAD[kind][1]
    for before in (Session(), song()):
        with pytest.raises(EditError) as refused:
            check_change(before, session)
        assert said in str(refused.value)


@pytest.mark.parametrize("kind", BAD)
def test_edits_that_cannot_be_replayed_are_not_journaled(tmp_path: Path, kind: str) -> None:
    problems: list[str] = []
    journal = Journal(tmp_path / "recovery", lambda error: problems.append(str(error)), tmp_path / "fallback")
    for number, session in enumerate((song(), edits.rename_track(song(), 1, "good"), BAD[kind][0]())):
        journal.record(session, "Edit", "song", None)
        journal.settle(0.0 if number == 2 else 10.0)
    folder = journal.folder
    assert folder is not None
    journal.close(keep=True)
    assert len(problems) == 1
    assert BAD[kind][1] in problems[0]
    found = recover(folder)
    assert (found.session.tracks[0].name, found.damaged) == ("good", False)
    assert not (tmp_path / "fallback").exists(), "another disk does not help"


def test_a_small_edit_is_checked_without_looking_at_the_rest() -> None:
    session = with_clip(gain=float("nan"))  # which no session has
    check_change(session, edits.set_track_gain(edits.add_track(session), 3, 0.5))
    check_change(session, places.add_marker(session, 5))


@pytest.mark.parametrize("rate", [1, 100_000_001, 2**31 - 1, MAX_FILE_RATE])
def test_every_rate_that_a_header_can_state_is_saved_and_opened(tmp_path: Path, rate: int) -> None:
    session = validated(with_media(sample_rate=rate))
    files.save(session, tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae") == session


def test_high_rate_projects_of_older_versions_open(saved: Path) -> None:
    manifest = json.loads(saved.read_text())
    manifest["session"]["media"][0]["sample_rate_hz"] = 100_000_001
    saved.write_text(json.dumps(manifest))
    high = files.load(saved)
    assert high.media[0].sample_rate == 100_000_001
    folder = saved.parent
    saved.rename(folder / "1.lincae")
    louder = edits.set_track_gain(high, 1, 0.5)
    (folder / "1.journal").write_bytes(line_of(high, louder))
    assert recover(folder).session == louder


def test_a_journal_written_by_the_version_before_is_recovered(tmp_path: Path) -> None:
    fixture = FIXTURES / "v5.lincae"
    opened = files.load(fixture)
    later = edits.set_track_gain(opened, 1, 0.5)
    (tmp_path / "1.lincae").write_bytes(fixture.read_bytes())
    line = line_of(opened, later)
    assert b"height" not in line
    (tmp_path / "1.journal").write_bytes(line)
    found = recover(tmp_path)
    assert (found.session.tracks[0].gain, found.session.master, found.damaged) == (0.5, Master(), False)


def test_a_session_that_is_too_large_for_a_project_file_is_refused(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr(files, "MAX_BYTES", 2000)
    large = song()
    for at in range(5):
        large = edits.add_clip(large, 1, large.media[0], at)
    with pytest.raises(ProjectError, match="larger than"):
        files.save(large, saved)
    assert saved.read_bytes() == before


def test_a_line_break_does_not_follow_a_selection_of_channels(saved: Path) -> None:
    manifest = json.loads(saved.read_text())
    for name, value in (
        ("take", "mix\n"),
        ("take", "\n"),
        ("digest", manifest["session"]["media"][0]["digest"] + "\n"),
    ):
        broken = json.loads(saved.read_text())
        broken["session"]["media"][0][name] = value
        with pytest.raises(ProjectError, match=name):
            files.parse(json.dumps(broken).encode(), saved)


def test_the_longest_session_is_valid() -> None:
    session = with_media(length=MAX_LENGTH)
    check_change(song(), session)
