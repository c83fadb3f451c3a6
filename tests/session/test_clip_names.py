"""Names of clips that follow their files, until the clips are given names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, clip_names, edits, files, processing, track_locks
from lincae_studio.session.derived import derived
from lincae_studio.session.model import Session
from lincae_studio.session.processes import Reverse
from lincae_studio.session.relink import relink
from tests.helpers import made_up_media

FILE, OTHER = made_up_media(1, 1000), made_up_media(2, 1000)
RENAMED = replace(FILE, path="/music/Kick 2.wav")


def names(session: Session) -> list[str]:
    return [clip.name for clip in session.clips()]


@pytest.fixture
def session() -> Session:
    """A clip of a file in two parts, of which the second has a name of its own, and one of another file."""
    made = edits.split_clips(edits.add_stems(Session(), [FILE, OTHER], 0), {2}, 400)
    return edits.rename_clip(made, 5, "Boom")


@pytest.mark.parametrize("found", [RENAMED, replace(made_up_media(3, 900), path=RENAMED.path)])
def test_a_clip_is_named_as_its_file_until_it_has_a_name_of_its_own(session: Session, found: object) -> None:
    assert names(session) == ["stem 1", "Boom", "stem 2"]
    assert names(relink(session, {FILE.digest: found})) == ["Kick 2", "Boom", "stem 2"]  # type: ignore[dict-item]


def test_copies_and_processed_clips_follow_too(session: Session) -> None:
    copied = arrange.duplicate_clips(processing.add_process(session, {2}, Reverse()), {2})
    turned = derived(FILE, (Reverse(),))
    again = relink(copied, {FILE.digest: RENAMED, turned.digest: derived(RENAMED, (Reverse(),))})
    assert names(again) == ["Kick 2", "Boom", "Kick 2", "stem 2"]


def test_a_name_is_reset(session: Session, tmp_path: Path) -> None:
    moved = relink(session, {FILE.digest: RENAMED})
    assert names(clip_names.reset_names(moved, {5})) == ["Kick 2", "Kick 2", "stem 2"]
    files.save(clip_names.reset_names(moved, {5}), tmp_path / "song.lincae")
    opened = files.load(tmp_path / "song.lincae")
    assert names(relink(opened, {FILE.digest: replace(FILE, path="/a/b.wav")})) == ["b", "b", "stem 2"]
    assert clip_names.reset_names(session, {2}).tracks[1] is session.tracks[1]


def test_names_of_channels_follow_with_their_channels(session: Session) -> None:
    left = replace(FILE, channel_selection="3")
    assert names(relink(session, {FILE.digest: left}))[0] == "stem 1 3"


def test_a_lock_keeps_own_names_and_lets_the_others_follow(session: Session) -> None:
    locked = track_locks.lock_tracks(session, {1}, True)
    track_locks.check_locks(locked, relink(locked, {FILE.digest: RENAMED}))
    for edit in (
        lambda s: edits.rename_clip(s, 2, "x"),
        lambda s: clip_names.reset_names(s, {5}),
        lambda s: edits.rename_clip(relink(s, {FILE.digest: RENAMED}), 5, "x"),
    ):
        with pytest.raises(EditError, match="locked"):
            track_locks.check_locks(locked, edit(locked))
