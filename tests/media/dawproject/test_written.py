"""Written DAWprojects follow the schema and are read back, also from the command line."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.cli.interchange import export_dawproject, import_dawproject
from lincae_studio.engine.planning.factors import Curve, gain_envelope
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.errors import Cancelled, MediaError, ProjectError, StudioError, UsageError
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, groups
from lincae_studio.session.model import MAX_GAIN, Loop, Master, Media, Point, Session, Tempo, Track
from lincae_studio.session.rules import validated
from tests.helpers import files_below, noise, session_of, write_audio
from tests.media.dawproject.schema import check_schema, document
from tests.media.dawproject.texts import RATE
from tests.strategies import sessions


def xml_legal(name: str) -> str:
    return "".join(
        c for c in name if c in "\t\n\r" or (" " <= c <= "\ufffd" and not "\ud800" <= c <= "\udfff") or c > "\uffff"
    )


def heard(track: Track | Master) -> Curve:
    """The levels of a track, or of the master, at each sample, in dB; silence and what is next to it as -60 dB."""
    levels = track.gain * gain_envelope(track.gain_points or (Point(0, 1.0),), np.arange(20_010.0))
    return 20.0 * np.log10(np.maximum(levels, 1e-3))


def parent(session: Session, track: Track) -> int | None:
    """The position of the group around a track."""
    return next((number for number, one in enumerate(session.tracks) if one.id == track.parent), None)


def panned(track: Track) -> list[tuple[int, float]]:
    return [(point.at, min(max(point.value + track.pan, -1.0), 1.0)) for point in track.pan_points]


def close(found: list[tuple[int, float]], wanted: list[tuple[int, float]]) -> bool:
    return [at for at, _ in found] == [at for at, _ in wanted] and bool(
        np.allclose([v for _, v in found], [v for _, v in wanted], rtol=1e-12, atol=1e-15)
    )


@given(data=st.data())
def test_sessions_survive_a_round_trip(
    store: MediaStore, media: list[Media], tmp_path: Path, data: st.DataObject
) -> None:
    session = data.draw(sessions(media))
    path, folder = tmp_path / "song.dawproject", tmp_path / "song audio"
    shutil.rmtree(folder, ignore_errors=True)
    write_dawproject(session, store, path, "Song")
    check_schema(document(path))
    found, _ = read_dawproject(path, folder, store)
    assert validated(found) is found
    assert len(found.tracks) == len(session.tracks)
    for track, was in zip(found.tracks, session.tracks, strict=True):
        assert (track.name, track.color) == (xml_legal(was.name), was.color)
        assert parent(found, track) == parent(session, was)
        assert (track.mute, track.solo, track.subtract) == (was.mute, was.solo, False)
        if was.gain_points:
            assert {point.at for point in track.gain_points} >= {point.at for point in was.gain_points}
            loud = heard(was) > -40.0
            assert np.abs(heard(track) - heard(was))[loud].max(initial=0.0) < 0.5
        assert close(panned(track), panned(was))
        if not was.gain_points:
            assert track.gain == was.gain
        if not was.pan_points:
            assert track.pan == pytest.approx(was.pan, abs=1e-15)
        assert len(track.clips) == len(was.clips)
        for clip, before in zip(track.clips, was.clips, strict=True):
            own = before.media != media[3].digest
            expected = replace(
                before,
                id=clip.id,
                name=xml_legal(before.name),
                media=before.media if own else clip.media,
                fade_in_shape="linear",
                fade_out_shape="linear",
                group=0,
            )
            assert clip == expected
            np.testing.assert_array_equal(store.open(clip.media).samples, store.open(before.media).samples)
    assert [(marker.at, marker.name) for marker in found.markers] == [
        (marker.at, xml_legal(marker.name)) for marker in session.markers
    ]
    loud = heard(session.master) > -40.0
    assert np.abs(heard(found.master) - heard(session.master))[loud].max(initial=0.0) < 0.5
    if not session.master.gain_points:
        assert found.master == session.master
    assert found.loop is None
    assert found.tempo == (None if session.tempo is None else replace(session.tempo, start=0))
    assert {Path(item.path).parent for item in found.media} <= {folder}
    assert len(files_below(folder)) == len(found.media)


def test_the_ranges_of_faders_contain_what_their_automation_reaches(
    store: MediaStore, media: list[Media], tmp_path: Path
) -> None:
    loud = Master(gain=8.0, gain_points=(Point(0, 4.0),))
    session = replace(session_of(*media[:2]), master=loud)
    first, second = session.tracks
    session = replace(session, tracks=(replace(first, gain=8.0, gain_points=loud.gain_points), second))
    write_dawproject(session, store, tmp_path / "song.dawproject", "Song")
    tops = [float(volume.attrib["max"]) for volume in document(tmp_path / "song.dawproject").iter("Volume")]
    assert tops == [32.0, pytest.approx(MAX_GAIN), 32.0], "one track, the other, the master"


def test_the_archive_contains_the_original_files(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    path = tmp_path / "song.dawproject"
    write_dawproject(session_of(*media), store, path, "Søng & <Dance>")
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.startswith("audio/")]
        assert len({name.casefold() for name in members}) == 4
        assert members[0] == "audio/kick.wav"
        assert members[2] == "audio/hat _é_.flac"
        for name, item in zip(members[:3], media[:3], strict=True):
            assert archive.read(name) == Path(item.path).read_bytes()
        samples, rate = sf.read(io.BytesIO(archive.read(members[3])), dtype="float32")
        assert sf.info(io.BytesIO(archive.read(members[3]))).subtype == "FLOAT"
    assert rate == RATE
    np.testing.assert_array_equal(samples, store.open(media[3].digest).samples)
    audio = list(document(path).iter("Audio"))
    assert [(one.get("sampleRate"), one.get("channels")) for one in audio] == [
        ("44100", "1"),
        ("48000", "2"),
        ("44100", "1"),
        ("44100", "2"),
    ]
    assert [float(one.attrib["duration"]) for one in audio] == [9000 / RATE, 6500 / 48_000, 150 / RATE, 7000 / RATE]
    metadata = document(path, "metadata.xml")
    assert (metadata.tag, [(child.tag, child.text) for child in metadata]) == (
        "MetaData",
        [("Title", "Søng & <Dance>")],
    )
    application = document(path).find("Application")
    assert application is not None
    assert application.get("name") == "LinCAE Studio"


def test_a_lost_or_changed_file_is_written_from_the_store(
    store: MediaStore, media: list[Media], tmp_path: Path
) -> None:
    heard = [np.array(store.open(item.digest).samples) for item in media]
    Path(media[0].path).unlink()
    write_audio(Path(media[1].path), noise(99, 6500, 2), rate=48_000)
    path = tmp_path / "song.dawproject"
    notes = write_dawproject(session_of(*media[:2]), store, path, "")
    assert sum("its file is missing or has changed" in note for note in notes) == 2
    found, _ = read_dawproject(path, tmp_path / "audio", store)
    for track, samples in zip(found.tracks, heard, strict=False):
        np.testing.assert_array_equal(store.open(track.clips[0].media).samples, samples)
    assert [item.sample_rate for item in found.media] == [RATE, RATE]
    store.clear()
    fresh = MediaStore(tmp_path / "other")
    before = path.read_bytes()
    with pytest.raises(MediaError, match=r"kick\.wav is missing"):
        write_dawproject(session_of(media[0]), fresh, path, "")
    assert path.read_bytes() == before


def test_values_are_in_the_units_of_the_format(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    session = session_of(media[0], start=RATE)
    points = (Point(0, 1.0), Point(RATE, 0.25))
    track = replace(session.tracks[0], gain=0.5, pan=-0.5, gain_points=points, pan_points=(Point(0, -0.75),))
    clip = replace(track.clips[0], gain=0.7, fade_in=441, mute=True)
    session = replace(session, tracks=(replace(track, clips=(clip,)),), tempo=Tempo(bpm=90.0, beats=3))
    path = tmp_path / "a.dawproject"
    write_dawproject(session, store, path, "")
    root = document(path)

    def attributes(tag: str) -> dict[str, str]:
        return next(root.iter(tag)).attrib

    assert float(attributes("Volume")["value"]) == 0.5
    assert float(attributes("Pan")["value"]) == 0.25
    assert (attributes("Tempo")["value"], attributes("TimeSignature")["numerator"]) == ("90.0", "3")
    written = attributes("Clip")
    assert (written["time"], written["playStart"], written["enable"]) == ("1.0", "0.0", "false")
    assert float(written["fadeInTime"]) == 0.01
    volume, pan = (root.findall(f"./Arrangement/Lanes/Lanes/Points[{number}]")[0] for number in (1, 2))
    target = volume.find("Target")
    assert target is not None
    assert target.get("parameter") == attributes("Volume")["id"]
    values = [float(point.attrib["value"]) for point in volume.iter("RealPoint")]
    assert values == pytest.approx([0.5 * 0.25 ** (part / 5) for part in range(6)], rel=1e-4)
    assert [float(point.attrib["value"]) for point in pan.iter("RealPoint")] == [0.0], "limited to the left end"
    expression = root.find(".//Clip/Lanes/Points/Target")
    assert expression is not None
    assert expression.get("expression") == "gain"


def test_losses_are_reported(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    path = tmp_path / "a.dawproject"
    plain = session_of(media[0])
    assert len(write_dawproject(plain, store, path, "")) == 1, "the codec, always"
    track, clip = plain.tracks[0], plain.tracks[0].clips[0]

    def said(changed: Session) -> str:
        return "\n".join(write_dawproject(changed, store, path, ""))

    def with_clip(**changes: Any) -> Session:
        return replace(plain, tracks=(replace(track, clips=(replace(clip, **changes),)),))

    def with_track(**changes: Any) -> Session:
        return replace(plain, tracks=(replace(track, **changes),))

    assert "codec mdct-2x" in said(plain)
    assert "“kick”" in said(with_track(subtract=True))
    assert "polarity" in said(with_track(subtract=True))
    assert "expressions" in said(with_clip(gain=0.5))
    assert "fade shapes" in said(with_clip(fade_in=5, fade_in_shape="s-curve"))
    assert "shapes" not in said(with_clip(fade_in_shape="s-curve"))
    assert "groups" in said(with_clip(group=3))
    assert "+6 dB" in said(with_track(gain=2.1))
    assert "+6 dB" in said(replace(plain, master=Master(gain=2.1)))
    assert "+6 dB" in said(with_track(gain=1.5, gain_points=(Point(0, 1.5),)))
    assert "envelopes" not in said(with_track(gain_points=(Point(0, 1.0), Point(9, 0.75))))
    assert "points are added to volume envelopes" in said(with_track(gain_points=(Point(0, 1.0), Point(9, 0.5))))
    second = replace(clip, id=plain.next_id, start=10)
    both = replace(plain, tracks=(replace(track, clips=(clip, second)),), next_id=plain.next_id + 1)
    assert "overlapping" in said(both)
    apart = replace(second, start=clip.end)
    assert "overlapping" not in said(replace(both, tracks=(replace(track, clips=(clip, apart)),)))
    assert "loop" in said(replace(plain, loop=Loop(start=0, end=5000)))
    assert "bar 1" in said(replace(plain, tempo=Tempo(bpm=100.0, start=7)))
    assert "XML" in said(with_track(name="a\x00b"))


def test_a_write_that_fails_or_is_cancelled_leaves_the_older_file(
    store: MediaStore, media: list[Media], tmp_path: Path
) -> None:
    path = tmp_path / "out" / "song.dawproject"
    path.parent.mkdir()
    path.write_bytes(b"older")
    token = CancelToken()

    def stop(progress: Progress) -> None:
        if progress.done == 1:
            token.cancel()

    with pytest.raises(Cancelled):
        write_dawproject(session_of(*media), store, path, "", stop, token)
    assert files_below(path.parent) == [path]
    assert path.read_bytes() == b"older"
    with pytest.raises(ProjectError, match="no such file or folder"):
        write_dawproject(session_of(*media), store, tmp_path / "none" / "song.dawproject", "")


def test_there_and_back_without_a_window(media: list[Media], tmp_path: Path) -> None:
    session = session_of(*media[:2])
    project = tmp_path / "song.lincae"
    files.save(session, project)
    figures = export_dawproject(project, tmp_path / "out.dawproject")
    assert (figures["tracks"], figures["clips"], figures["files"]) == (2, 2, 2)
    assert figures["bytes"] == (tmp_path / "out.dawproject").stat().st_size
    found = import_dawproject(tmp_path / "out.dawproject", tmp_path / "new")
    assert found["output"] == str(tmp_path / "new" / "out.lincae")
    back = files.load(tmp_path / "new" / "out.lincae")
    assert [edits.name_of(item) for item in back.media] == [Path(str(path)).stem for path in found["files"]]  # type: ignore[attr-defined]
    assert {Path(item.path).parent for item in back.media} == {tmp_path / "new" / "out audio"}
    assert [clip.media for clip in back.clips()] == [clip.media for clip in session.clips()]
    with pytest.raises(ProjectError, match="exists"):
        import_dawproject(tmp_path / "out.dawproject", tmp_path / "new")
    with pytest.raises(UsageError, match="not a name"):
        export_dawproject(project, tmp_path / "out.zip")


def test_an_import_that_cannot_be_saved_leaves_no_audio(
    store: MediaStore, media: list[Media], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dawproject(session_of(*media), store, tmp_path / "out.dawproject", "")
    (tmp_path / "new").write_text("a file")
    with pytest.raises(StudioError):
        import_dawproject(tmp_path / "out.dawproject", tmp_path / "new")
    (tmp_path / "new").unlink()
    monkeypatch.setattr("lincae_studio.session.files.atomic.write_bytes", _full)
    with pytest.raises(ProjectError, match="disk is full"):
        import_dawproject(tmp_path / "out.dawproject", tmp_path / "new")
    assert files_below(tmp_path / "new") == []


def _full(_path: Path, _data: bytes, _private: bool) -> None:
    import errno

    raise OSError(errno.ENOSPC, "No space left on device")


def test_groups_sound_as_before_after_a_round_trip(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    """Nested groups with faders, pans, mutes and envelopes, and clips of their own."""
    session = session_of(*media[:3])
    first, second, third = (track.id for track in session.tracks)
    session = groups.group_tracks(session, {first, second}, "Inner")
    inner = session.tracks[0].id
    session = groups.group_tracks(session, {inner, third}, "Outer")
    outer = session.tracks[0].id
    session = edits.set_track_pan(edits.set_track_gain(session, inner, 0.5), inner, -0.4)
    session = edits.set_track_pan(edits.set_track_gain(session, outer, 1.5), outer, 0.3)
    session = edits.set_pan_points(session, inner, [Point(0, 0.0), Point(5000, 0.6)])
    session = edits.set_gain_points(session, outer, [Point(0, 1.0), Point(4000, 0.8), Point(8000, 1.0)])
    session = edits.add_clip(session, inner, media[0], 300)
    path = tmp_path / "song.dawproject"
    notes = write_dawproject(session, store, path, "Song")
    assert any("clips on groups" in note for note in notes)
    check_schema(document(path))
    exact = edits.clear_envelopes(edits.clear_envelopes(session, inner), outer)
    write_dawproject(exact, store, path, "Song")
    found, _ = read_dawproject(path, tmp_path / "audio", store)
    mixes = [DryMix(one, Reading(store)).read(0, 9000) for one in (exact, found)]
    assert np.abs(mixes[0] - mixes[1]).max() < 1e-6
    for muted, soloed in ((None, None), (inner, None), (None, outer), (third, inner)):
        changed = edits.set_track_mute(session, muted, True) if muted else session
        changed = edits.set_track_solo(changed, soloed, True) if soloed else changed
        write_dawproject(changed, store, path, "Song")
        found, notes = read_dawproject(path, tmp_path / "audio", store)
        assert [track.name for track in found.tracks[:2]] == ["Outer", "Inner"]
        assert not any("flattened" in note for note in notes)
        was, now = (DryMix(one, Reading(store)).read(0, 9000) for one in (changed, found))
        assert np.abs(was).max() > 0.05
        assert np.abs(now - was).max() < 0.02 * np.abs(was).max()


class Reading:
    """Reads the audio of a store."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    def read(self, digest: str, channel: int, start: int, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        samples = self._store.open(digest).samples
        out = np.zeros(count, np.float32)
        low, high = max(0, start), min(samples.shape[0], start + count)
        if high > low:
            out[low - start : high - start] = samples[low:high, channel]
        return out
