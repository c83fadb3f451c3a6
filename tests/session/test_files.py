"""Project files: they are read back, and invalid ones are refused with the reason."""

from __future__ import annotations

import errno
import json
import math
import os
import random
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.errors import ProjectError
from lincae_studio.paths import resource
from lincae_studio.session import (
    arrange,
    edits,
    files,
    groups,
    operators,
    places,
    processing,
    rates,
    regions,
    snapshots,
    track_locks,
)
from lincae_studio.session.derived import derived
from lincae_studio.session.model import (
    MASTER,
    MAX_LENGTH,
    RATES,
    Media,
    Operator,
    Original,
    Point,
    Region,
    Session,
    Tempo,
)
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Stretch
from lincae_studio.session.rules import check, validated
from tests.helpers import files_below, made_up_media
from tests.strategies import sessions

FIXTURES = Path(__file__).parent / "fixtures"
DIGEST = "0" * 64


def first_session(folder: Path) -> Session:
    """Uses every field of version 1 with a value that is not its default."""
    inside = replace(made_up_media(1, 100_000), path=str(folder / "stems" / "drüm s.wav"))
    outside = replace(made_up_media(2, 44_100, 2), path=str(folder.parent / "vox.flac"), sample_rate=48_000)
    session = edits.add_stems(Session(seed=7), [inside, outside], 1234)
    session = edits.set_clip_fades(edits.set_clip_gain(session, {2}, 0.1), {2}, 10, 20)
    session = edits.trim_clip(session, 2, 2000, 90_000)
    session = edits.set_track_pan(edits.set_track_gain(session, 1, 0.3333333333333333), 1, -0.75)
    session = edits.set_track_solo(edits.set_track_mute(session, 3, True), 1, True)
    return validated(edits.set_codec(session, "mdct-4x"))


def second_session(folder: Path) -> Session:
    """Uses every field of version 2 with a value that is not its default."""
    session = edits.set_track_subtract(first_session(folder), 3, True)
    session = edits.set_gain_points(session, 1, [Point(0, 1.0), Point(5000, 0.1)])
    return validated(edits.set_pan_points(session, 1, [Point(7, -0.5)]))


def third_session(folder: Path) -> Session:
    """Uses every field of version 3 with a value that is not its default."""
    session = edits.set_fade_shapes(second_session(folder), {2}, fade_in="s-curve", fade_out="equal-power")
    session = edits.set_clip_color(edits.set_clip_mute(session, {2}, True), {2}, "#123abc")
    session = arrange.group_clips(session, {2, 4})
    session = places.add_marker(places.add_marker(session, 50_000, "Chorus"), 7)
    return validated(places.turn_loop(places.set_loop(session, 1000, 2000), False))


def fourth_session(folder: Path) -> Session:
    """Uses every field of version 4 with a value that is not its default."""
    session = third_session(folder)
    taken = replace(made_up_media(3, 3000, 2), path=str(folder / "stems" / "surround.wav"), channel_selection="5,6")
    session = edits.add_stems(session, [taken], 0)
    return validated(places.set_tempo(session, Tempo(bpm=93.5, beats=3, start=4410)))


def fifth_session(folder: Path) -> Session:
    """Uses every field of version 5 with a value that is not its default."""
    session = fourth_session(folder)
    first, second, *others = session.media
    original = Original(
        digest="1" * 64, path=str(folder / "stems" / "vox.wav"), codec="mdct-4x", size=88_244, channel_selection="2"
    )
    media = (replace(first, size=400_044), replace(second, original=original), *others)
    return validated(replace(session, media=media, chunk_frames=64, overlap_frames=5))


def sixth_session(folder: Path) -> Session:
    """Uses every field of version 6 with a value that is not its default."""
    session = edits.set_track_height(fifth_session(folder), 3, 120)
    session = edits.set_master_points(edits.set_master_gain(session, 0.7), [Point(0, 0.0), Point(9000, 1.5)])
    return validated(places.set_tempo(session, Tempo(bpm=93.5, beats=6, start=4410, unit=8)))


def seventh_session(folder: Path) -> Session:
    """Uses every field of version 7 with a value that is not its default."""
    session = sixth_session(folder)
    high = {media.digest: rates.at_rate(media, 48_000, math.ceil(media.length * 480 / 441)) for media in session.media}
    return validated(rates.convert(session, 48_000, high))


def eighth_session(folder: Path) -> Session:
    """Uses every field of version 8 with a value that is not its default."""
    session = snapshots.store(seventh_session(folder), "Verse")
    session = edits.set_track_gain(edits.set_master_gain(session, 0.5), 1, 2.0)
    session = snapshots.store(edits.set_track_pan(edits.set_track_subtract(session, 1, True), 3, 0.5), "Chorus")
    verse, chorus = (snapshot.id for snapshot in session.snapshots)
    session = snapshots.set_morph_points(snapshots.set_morph(session, verse, chorus), [Point(0, 0.25), Point(999, 1.0)])
    session = groups.group_tracks(snapshots.turn_morph(session, False), {3}, "Voices")
    session = groups.fold_groups(session, session.group_ids, True)
    region = Region(
        id=1,
        name="Whistle",
        start=100,
        end=9000,
        low=20,
        high=30,
        gain=0.25,
        keep=True,
        fade=480,
        fade_channels=2,
        on=False,
        space="mdct-1x/1",
        codec="mdct-1x",
    )
    for owner in (MASTER, session.tracks[0].id, session.tracks[0].clips[0].id):
        session = regions.add(session, owner, region)
    return validated(session)


def ninth_session(folder: Path) -> Session:
    """Uses every field of version 9 with a value that is not its default."""
    session = eighth_session(folder)
    operator = Operator(
        id=1,
        name="Room",
        space="mdct-1x/1",
        codec="mdct-1x",
        channels=2,
        reach=1,
        past=1,
        future=1,
        weights=array("f", [0.5, -0.25, 1.0] * 4).tobytes(),
        r2=0.75,
        plain_r2=0.5,
        bands=(0.875, 0.25),
    )
    track = session.tracks[0]
    session = validated(operators.set_insert(operators.add(session, operator), [track.id], session.next_id))
    session = track_locks.lock_tracks(session, [track.id], True)
    first, of_latents, last = (clip.id for clip in session.clips())
    for process in (Channels("side"), RemoveDC(), Reverse(), Invert()):
        session = processing.add_process(session, {last}, process)
    session = processing.set_stretch(session, {of_latents}, semitones=-1.5)
    media = tuple(
        replace(item, original=replace(item.original, chain=(Reverse(), Stretch(1.25, 2.0)))) if item.original else item
        for item in session.media
    )
    session = replace(session, media=media)
    return validated(processing.set_clip_tempo(session, {first}, 120.0))


def full_session(folder: Path) -> Session:
    """Uses every field of the document with a value that is not its default."""
    return validated(places.add_marker(ninth_session(folder), 60_000, "Bridge", 9_000))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = (tmp_path / "project").resolve()
    path.mkdir()
    return path


@pytest.fixture
def saved(folder: Path) -> Path:
    path = folder / "song.lincae"
    files.save(full_session(folder), path)
    return path


def test_a_saved_session_is_read_back(folder: Path, saved: Path) -> None:
    assert files.load(saved) == full_session(folder)
    assert files_below(folder) == [saved]


@given(st.sampled_from(RATES).flatmap(lambda rate: sessions(max_start=MAX_LENGTH - 10_000, rate=rate, edited=True)))
def test_every_session_is_read_back_exactly(tmp_path: Path, session: Session) -> None:
    path = tmp_path.resolve() / "song.lincae"
    files.save(session, path)
    loaded = files.load(path)
    assert loaded == session
    check(loaded)


def test_media_paths_are_relative_so_that_a_folder_can_be_moved(folder: Path, saved: Path, tmp_path: Path) -> None:
    written = json.loads(saved.read_text())["session"]["media"]
    assert written[0]["path"] == "stems/drüm s.wav"
    moved = (tmp_path / "deep" / "er").resolve()
    moved.mkdir(parents=True)
    shutil.move(saved, moved / "song.lincae")
    assert files.load(moved / "song.lincae").media[0].path == str(moved / "stems" / "drüm s.wav")


def test_paths_of_many_parts_cost_few_looks_at_the_disk(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, lstat = [], os.lstat

    def counted(path: str) -> os.stat_result:
        looks.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", counted)
    text = saved.read_text()
    for part in ("a/", "/tmp/../"):
        saved.write_text(text.replace("stems/drüm s.wav", part * 4_000 + "x.wav"))
        session = files.load(saved)
        assert Path(session.media[0].path).name == "x.wav"
        files.save(session, saved)
    assert len(looks) < 1000


def test_a_path_that_no_file_can_have_is_refused(saved: Path) -> None:
    saved.write_text(saved.read_text().replace("stems/drüm s.wav", "a/" * 200_000))
    with pytest.raises(ProjectError, match="it has 400,000 characters") as caught:
        files.load(saved)
    assert len(str(caught.value)) < 1000


def test_a_project_saved_through_a_link_keeps_the_link(saved: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.lincae"
    link.symlink_to(saved)
    session = edits.add_track(files.load(saved), "new")
    files.save(session, link)
    assert link.is_symlink()
    assert [track.name for track in files.load(saved).tracks][-1] == "new"


def test_a_byte_order_mark_does_not_matter(saved: Path) -> None:
    """Notepad writes one."""
    session = files.load(saved)
    saved.write_bytes(b"\xef\xbb\xbf" + saved.read_bytes())
    assert files.load(saved) == session
    files.save(session, saved)
    assert saved.read_bytes().startswith(b"{")


def test_version_1_still_loads() -> None:
    session = files.load(FIXTURES / "v1.lincae")
    assert session == first_session(FIXTURES.resolve())


def test_version_2_still_loads() -> None:
    session = files.load(FIXTURES / "v2.lincae")
    assert session == second_session(FIXTURES.resolve())


def test_version_3_still_loads() -> None:
    session = files.load(FIXTURES / "v3.lincae")
    assert session == third_session(FIXTURES.resolve())


def test_version_4_loads() -> None:
    session = files.load(FIXTURES / "v4.lincae")
    assert session == fourth_session(FIXTURES.resolve())


def test_version_5_still_loads() -> None:
    session = files.load(FIXTURES / "v5.lincae")
    assert session == fifth_session(FIXTURES.resolve())


def test_version_6_still_loads() -> None:
    session = files.load(FIXTURES / "v6.lincae")
    assert session == sixth_session(FIXTURES.resolve())
    assert session.rate == 44_100, "the only rate until then"


def test_a_rate_that_earlier_versions_did_not_have_is_refused(folder: Path) -> None:
    content = json.loads((FIXTURES / "v6.lincae").read_text())
    content["session_rate_hz"] = 48_000
    assert "session_rate_hz" in refusal(json.dumps(content).encode(), folder)


def test_version_7_still_loads() -> None:
    session = files.load(FIXTURES / "v7.lincae")
    assert session == seventh_session(FIXTURES.resolve())
    assert session.rate == 48_000
    assert not session.group_ids


def test_version_8_still_loads() -> None:
    session = files.load(FIXTURES / "v8.lincae")
    assert session == eighth_session(FIXTURES.resolve())
    assert len(session.group_ids) == 1


def test_version_9_still_loads() -> None:
    session = files.load(FIXTURES / "v9.lincae")
    assert session == ninth_session(FIXTURES.resolve())
    assert not any(marker.length for marker in session.markers)


def test_version_10_still_loads() -> None:
    session = files.load(FIXTURES / "v10.lincae")
    assert session == full_session(FIXTURES.resolve())
    assert session.operator(session.tracks[0].insert).name == "Room"
    assert any(media.derived for media in session.media)


def test_media_of_another_rate_than_the_session_are_refused(saved: Path, folder: Path) -> None:
    content = manifest(saved)
    content["session"]["rate_hz"] = 44_100
    assert "is not listed at the session’s rate of 44,100 Hz" in refusal(json.dumps(content).encode(), folder)
    content["session"]["rate_hz"] = 96_000
    assert "rate_hz" in refusal(json.dumps(content).encode(), folder)


def in_any_order(schema: object) -> object:
    """With alternatives sorted: their order depends on the version of msgspec, and means nothing."""
    if isinstance(schema, list):
        return [in_any_order(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: sorted(map(repr, map(in_any_order, value))) if key == "anyOf" else in_any_order(value)
        for key, value in schema.items()
    }


def test_the_published_schema_is_that_of_the_program(saved: Path) -> None:
    published = json.loads(resource("schema/project-v10.json").read_text(encoding="utf-8"))
    made = json.loads(json.dumps(files.schema()))
    assert in_any_order(published) == in_any_order(made), "write it again: lincae-studio info --schema"
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(manifest(saved), published)
    broken = manifest(saved)
    broken["session"]["tracks"][0]["clips"][0]["start_samples"] = -1
    with pytest.raises(jsonschema.ValidationError, match="-1"):
        jsonschema.validate(broken, published)


@pytest.mark.parametrize("version", [5, 6, 7, 8, 9, 10])
def test_every_version_fits_its_published_schema(version: int) -> None:
    published = json.loads(resource(f"schema/project-v{version}.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads((FIXTURES / f"v{version}.lincae").read_text()), published)


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
def test_errors_in_older_versions_are_named_too(folder: Path, version: int) -> None:
    content = json.loads((FIXTURES / f"v{version}.lincae").read_text())
    name = "length_samples" if version >= 5 else "length"
    content["session"]["tracks"][0]["clips"][0][name] = 0
    assert "length_samples" in refusal(json.dumps(content).encode(), folder)
    content["session"]["tracks"] = "none"
    assert "tracks" in refusal(json.dumps(content).encode(), folder)


def test_saving_the_fixture_again_gives_the_same_bytes(folder: Path) -> None:
    """The form in which a version is written is fixed: a change of it is a change of version."""
    again = folder / "v10.lincae"
    shutil.copy(FIXTURES / "v10.lincae", again)
    files.save(files.load(again), again)
    assert again.read_bytes() == (FIXTURES / "v10.lincae").read_bytes()


# What cannot be opened


def refusal(data: bytes, folder: Path) -> str:
    path = folder / "broken.lincae"
    path.write_bytes(data)
    with pytest.raises(ProjectError) as caught:
        files.load(path)
    assert str(path) in caught.value.problem
    assert caught.value.remedy
    return caught.value.problem


def manifest(saved: Path) -> Any:
    return json.loads(saved.read_text())


def test_a_newer_version_is_reported(saved: Path, folder: Path) -> None:
    content = manifest(saved) | {"version": files.VERSION + 1, "whatever": [1]}
    problem = refusal(json.dumps(content).encode(), folder)
    assert f"newer version (format {files.VERSION + 1}; this version reads up to {files.VERSION})" in problem


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", None, True, 10**30])
def test_a_version_that_never_was_is_refused(saved: Path, folder: Path, version: object) -> None:
    refusal(json.dumps(manifest(saved) | {"version": version}).encode(), folder)


def change(named: str, /, **values: object) -> tuple[str, Callable[[Any], None]]:
    """A change of the first clip, and what the error must contain."""
    return named, lambda s: s["tracks"][0]["clips"][0].update(values)


def _derived(session: Any) -> Any:
    """The last media that are derived."""
    return next(media for media in reversed(session["media"]) if media["derived"])


def _rechain(session: Any, *chain: Process) -> None:
    """Derive the last derived media, and the clips that play them, by another chain, with a digest that fits."""
    item = _derived(session)
    old, media = item["digest"], msgspec.convert(item, Media)
    item.update(msgspec.to_builtins(derived(media.source, chain)))
    for track in session["tracks"]:
        for clip in track["clips"]:
            clip["media"] = item["digest"] if clip["media"] == old else clip["media"]


BROKEN: list[tuple[str, Callable[[Any], None]]] = [
    ("`$.session`", lambda s: s.update(surprise=1)),
    ("surprise", lambda s: s["tracks"][0].update(surprise=1)),
    ("surprise", lambda s: s["media"][0].update(surprise=1)),
    change("surprise", surprise=1),
    change("start", start_samples=-1),
    change("start", start_samples=1.5),
    change("start", start_samples=MAX_LENGTH + 1),
    change("length", length_samples=0),
    change("gain", gain=-0.5),
    change("gain", gain="loud"),
    change("fade_in", fade_in_samples=-1),
    change("media", media="xyz"),
    change("past the end of its audio file", offset_samples=99_999),
    change("fade longer than the clip", fade_out_samples=200_001),
    change("which is not listed", media=DIGEST),
    change("same id", id=1),
    change("ends after 24 hours", start_samples=MAX_LENGTH - 1),
    change("name", name="x" * 401),
    ("pan", lambda s: s["tracks"][0].update(pan=2)),
    ("color", lambda s: s["tracks"][0].update(color="red")),
    ("mute", lambda s: s["tracks"][0].update(mute=1)),
    ("id", lambda s: s["tracks"][0].update(id=0)),
    ("next_id", lambda s: s.update(next_id=2)),
    ("seed", lambda s: s.update(seed=2**31)),
    ("codec", lambda s: s.update(codec="")),
    ("digest", lambda s: s["media"][0].update(digest="ABC")),
    ("same digest", lambda s: s["media"].append(s["media"][0])),
    ("channels", lambda s: s["media"][0].update(channels=3)),
    ("sample_rate", lambda s: s["media"][0].update(sample_rate_hz=0)),
    ("length", lambda s: s["media"][0].update(length_samples=0)),
    ("path", lambda s: s["media"][0].pop("path")),
    ("does not follow from its file", lambda s: _derived(s).update(digest=f"{DIGEST}@48000")),
    ("does not follow from its file", lambda s: _derived(s)["derived"]["chain"].append({"process": "reverse"})),
    ("is stretched twice", lambda s: _rechain(s, Stretch(1.5), Stretch(2.0))),
    ("no channels to choose from", lambda s: _rechain(s, Channels("left"), Channels("swap"))),
    ("process", lambda s: _derived(s)["derived"]["chain"].append({"process": "run"})),
    ("factor", lambda s: _derived(s)["derived"]["chain"].append({"process": "stretch", "factor": 9.0})),
    ("tempo", lambda s: s["tracks"][0]["clips"][0].update(tempo=-1.0)),
    ("path of an audio file is not valid", lambda s: s["media"][0].update(path="a\0b.wav")),
]


@pytest.mark.parametrize(("named", "breaking"), BROKEN)
def test_a_broken_rule_or_field_is_named(
    saved: Path, folder: Path, named: str, breaking: Callable[[Any], None]
) -> None:
    content = manifest(saved)
    breaking(content["session"])
    assert named in refusal(json.dumps(content).encode(), folder)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        b"RIFF\x24\0\0\0WAVE",
        b"[]",
        b"null",
        b"{}",
        b'{"format": "lincae-studio-project"}',
        b'{"format": "something else", "version": 1}',
        b'{"format": "lincae-studio-project", "version": 1}',
        b'{"format": "lincae-studio-project", "version": 1, "session": null}',
        b'{"format": "lincae-studio-project", "version": 1, "session": {}, "more": 1}',
        b"[" * 100_000,
        b'{"format": "lincae-studio-project", "version": 1, "session": ' + b"[" * 100_000,
        b"\xff\xfe{}",
    ],
)
def test_a_file_that_is_not_a_project_is_refused(folder: Path, data: bytes) -> None:
    refusal(data, folder)


def test_a_project_cut_at_any_byte_is_refused(saved: Path) -> None:
    data = saved.read_bytes().rstrip()
    for length in range(len(data)):
        with pytest.raises(ProjectError):
            files.parse(data[:length], saved)
    files.parse(data, saved)


def test_random_damage_is_refused_or_harmless_but_never_a_crash(saved: Path) -> None:
    data = saved.read_bytes()
    dice = random.Random(1)
    refused = 0
    for _ in range(4000):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(damaged))
            match dice.randrange(4):
                case 0:
                    damaged[at] = dice.randrange(256)
                case 1:
                    damaged[at] = ord(dice.choice('"0129-.e{}[],:\\ntrue'))
                case 2:
                    del damaged[at : at + dice.randint(1, 30)]
                case _:
                    damaged[at:at] = damaged[at : at + dice.randint(1, 30)]
        try:
            validated(files.parse(bytes(damaged), saved))
        except ProjectError:
            refused += 1
    assert refused > 2000


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    path = folder / "large.lincae"
    with open(path, "wb") as file:
        file.truncate(files.MAX_BYTES + 1)
    with pytest.raises(ProjectError, match="too large"):
        files.load(path)


def test_missing_files_and_folders_are_named_as_such(folder: Path) -> None:
    with pytest.raises(ProjectError, match="no such file"):
        files.load(folder / "none.lincae")
    with pytest.raises(ProjectError, match="it is a folder"):
        files.load(folder)


def test_a_named_pipe_is_refused_instead_of_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.lincae")
    with pytest.raises(ProjectError, match="not a regular file"):
        files.load(folder / "pipe.lincae")


# What cannot be saved


def assert_unchanged(folder: Path, saved: Path) -> None:
    assert files_below(folder) == [saved]
    assert files.load(saved) == full_session(folder)


def test_a_disk_that_fills_up_leaves_the_old_project(
    folder: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ProjectError, match="the disk is full") as caught:
            files.save(Session(), saved)
    assert "Free some space" in caught.value.remedy
    assert_unchanged(folder, saved)


def test_a_write_that_stops_half_way_leaves_the_old_project(
    folder: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, data: bytes) -> int:
        with open(path, "wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(ProjectError, match="the disk is full"):
            files.save(Session(), saved)
    assert_unchanged(folder, saved)


def test_a_rename_that_is_refused_leaves_the_old_project(
    folder: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(_source: Path, _target: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", read_only)
        with pytest.raises(ProjectError, match="read-only"):
            files.save(Session(), saved)
    assert_unchanged(folder, saved)


def test_a_file_size_limit_of_the_system_leaves_the_old_project(folder: Path, saved: Path) -> None:
    """The kernel itself refuses the write here: nothing is simulated."""
    resource = pytest.importorskip("resource", reason="Windows has no file size limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(ProjectError, match="cannot save"):
            files.save(Session(), saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_unchanged(folder, saved)


@pytest.mark.parametrize("name", ["drums \udcff", "\ud800"])
def test_a_name_that_is_not_valid_unicode_leaves_the_old_project(folder: Path, saved: Path, name: str) -> None:
    media = replace(made_up_media(1, 500), path=str(folder / f"{name}.wav"))
    for session in (edits.add_track(Session(), name), edits.add_stems(Session(), [media], 0)):
        with pytest.raises(ProjectError, match="not valid Unicode") as caught:
            files.save(session, saved)
        assert caught.value.remedy
        str(caught.value).encode()
    assert_unchanged(folder, saved)


def test_a_name_as_long_as_the_disk_takes_is_saved(folder: Path) -> None:
    path = folder / ("x" * (255 - len(".lincae")) + ".lincae")
    for _ in range(2):
        files.save(Session(), path)
    assert files.load(path) == Session()
    assert files_below(folder) == [path]


def test_a_write_protected_project_stays(folder: Path, saved: Path) -> None:
    saved.chmod(0o444)
    with pytest.raises(ProjectError, match="permission denied"):
        files.save(Session(), saved)
    assert_unchanged(folder, saved)


@pytest.mark.parametrize("where", ["no/such/folder/x.lincae", ".", "x" * 300 + ".lincae"])
def test_an_unwritable_target_is_a_project_error(folder: Path, where: str) -> None:
    with pytest.raises(ProjectError, match="cannot save"):
        files.save(Session(), folder / where)
    assert files_below(folder) == []


def test_a_device_is_not_replaced_by_a_project(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.lincae"
    os.mkfifo(pipe)
    with pytest.raises(ProjectError, match="not a regular file"):
        files.save(Session(), pipe)
    assert pipe.is_fifo()
