"""DAWprojects: what is written is what the schema asks for and comes back; what strangers write is read, or refused."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lincae_studio.cli.interchange import export_dawproject, import_dawproject
from lincae_studio.errors import Cancelled, MediaError, ProjectError, StudioError, UsageError
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.dawproject import audio as audio_module
from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.dawproject.names import file_name
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import (
    MAX_GAIN,
    MAX_LENGTH,
    SESSION_RATE,
    Clip,
    Loop,
    Marker,
    Media,
    Point,
    Session,
    Tempo,
    Track,
    validated,
)
from tests.helpers import FullDisk, files_below, noise, session_of, write_audio
from tests.strategies import sessions

RATE = SESSION_RATE


# --- what is written -------------------------------------------------------------------------------------------------


@pytest.fixture
def media(store: MediaStore, tmp_path: Path) -> list[Media]:
    """Two files of one name, one of them of another rate; one of another format; two channels of a file of four."""
    stems = tmp_path / "stems"
    return [
        store.import_file(write_audio(stems / "a" / "kick.wav", noise(1, 9000))),
        store.import_file(write_audio(stems / "b" / "Kick.wav", noise(2, 6500, 2), rate=48_000)),
        store.import_file(write_audio(stems / "hat <é>.flac", noise(3, 150), subtype="PCM_24")),
        store.import_file(write_audio(stems / "surround.wav", noise(4, 7000, 4)), take="2,3"),
    ]


def document(path: Path, name: str = "project.xml") -> Element:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return ElementTree.fromstring(archive.read(name))


#: Of the elements that are written: attributes that must and that may be there, and children in their order (a
#: group in braces may come in any order), as Project.xsd of the format has them.
REFERENCEABLE = {"id", "name", "color", "comment"}
TIMELINE = REFERENCEABLE | {"timeUnit", "track"}
PARAMETER = REFERENCEABLE | {"parameterID"}
REAL = PARAMETER | {"value", "min", "max", "unit"}
CONTENT: set[str] = {"Lanes", "Clips", "Points", "Audio"}
SCHEMA: dict[str, tuple[set[str], set[str], list[str | set[str]]]] = {
    "Project": ({"version"}, set(), ["Application", "Transport", "Structure", "Arrangement", "Scenes"]),
    "Application": ({"name", "version"}, set(), []),
    "Transport": (set(), set(), ["Tempo", "TimeSignature"]),
    "Tempo": ({"unit"}, REAL, []),
    "TimeSignature": ({"numerator", "denominator"}, PARAMETER, []),
    "Structure": (set(), set(), [{"Track", "Channel"}]),
    "Track": (set(), REFERENCEABLE | {"contentType", "loaded"}, ["Channel", "Track"]),
    "Channel": (
        set(),
        REFERENCEABLE | {"audioChannels", "destination", "role", "solo"},
        ["Devices", "Mute", "Pan", "Sends", "Volume"],
    ),
    "Mute": (set(), PARAMETER | {"value"}, []),
    "Pan": ({"unit"}, REAL, []),
    "Volume": ({"unit"}, REAL, []),
    "Arrangement": (set(), REFERENCEABLE, ["Lanes", "Markers", "TempoAutomation", "TimeSignatureAutomation"]),
    "Lanes": (set(), TIMELINE, [CONTENT]),
    "Clips": (set(), TIMELINE, ["Clip"]),
    "Clip": (
        {"time"},
        {"name", "color", "comment", "duration", "contentTimeUnit", "playStart", "playStop", "loopStart", "loopEnd"}
        | {"fadeTimeUnit", "fadeInTime", "fadeOutTime", "enable", "reference"},
        [CONTENT],
    ),
    "Audio": ({"channels", "sampleRate", "duration"}, TIMELINE | {"algorithm"}, ["File"]),
    "File": ({"path"}, {"external"}, []),
    "Points": (set(), TIMELINE | {"unit"}, ["Target", "RealPoint"]),
    "Target": (set(), {"parameter", "expression"}, []),
    "RealPoint": ({"time", "value"}, {"interpolation"}, []),
    "Markers": (set(), TIMELINE, ["Marker"]),
    "Marker": ({"time"}, {"name", "color", "comment"}, []),
    "Scenes": (set(), set(), []),
}
VALUES = {
    "unit": {"linear", "normalized", "bpm"},
    "timeUnit": {"seconds"},
    "contentTimeUnit": {"seconds"},
    "fadeTimeUnit": {"seconds"},
    "role": {"regular", "master"},
    "interpolation": {"hold", "linear"},
    "expression": {"gain"},
    "contentType": {"audio", "audio notes"},
    **{name: {"true", "false"} for name in ("solo", "loaded", "enable", "external")},
}
NUMBERS = ("time", "duration", "playStart", "fadeInTime", "fadeOutTime", "min", "max")


def check_schema(root: Element) -> None:
    """The facts of Project.xsd that hold for what is written; ids are unique, references lead somewhere."""
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) for name in ids)
    for element in root.iter():
        required, allowed, order = SCHEMA[element.tag]
        assert required <= element.attrib.keys() <= required | allowed, element.tag
        for name, value in element.attrib.items():
            assert value in VALUES.get(name, {value}), (element.tag, name)
            if name in NUMBERS:
                assert np.isfinite(float(value))
            if name in ("destination", "parameter", "track"):
                assert value in ids
        places = [
            next(
                number for number, tags in enumerate(order) if child.tag in ({tags} if isinstance(tags, str) else tags)
            )
            for child in element
        ]
        assert places == sorted(places), element.tag
        if element.tag == "Clip":
            assert len(element) == 1
        if element.tag in ("Points", "Markers", "Audio"):
            assert len(element) >= 1


def xml_legal(name: str) -> str:
    return "".join(
        c for c in name if c in "\t\n\r" or (" " <= c <= "\ufffd" and not "\ud800" <= c <= "\udfff") or c > "\uffff"
    )


def effective(track: Track) -> list[tuple[int, float]]:
    return [(point.at, point.value * track.gain) for point in track.gain_points]


def panned(track: Track) -> list[tuple[int, float]]:
    return [(point.at, min(max(point.value + track.pan, -1.0), 1.0)) for point in track.pan_points]


def close(found: list[tuple[int, float]], wanted: list[tuple[int, float]]) -> bool:
    return [at for at, _ in found] == [at for at, _ in wanted] and bool(
        np.allclose([v for _, v in found], [v for _, v in wanted], rtol=1e-12, atol=1e-15)
    )


@given(data=st.data())
def test_sessions_come_back(store: MediaStore, media: list[Media], tmp_path: Path, data: st.DataObject) -> None:
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
        assert (track.mute, track.solo, track.subtract) == (was.mute, was.solo, False)
        assert close(effective(track), effective(was))
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
    assert found.loop is None
    assert found.tempo == (None if session.tempo is None else replace(session.tempo, start=0))
    assert {Path(item.path).parent for item in found.media} <= {folder}
    assert len(files_below(folder)) == len(found.media)


def test_the_file_holds_the_very_files(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
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
    assert [float(point.attrib["value"]) for point in volume.iter("RealPoint")] == [0.5, 0.125]
    assert [float(point.attrib["value"]) for point in pan.iter("RealPoint")] == [0.0], "limited to the left end"
    expression = root.find(".//Clip/Lanes/Points/Target")
    assert expression is not None
    assert expression.get("expression") == "gain"


def test_what_is_lost_is_said(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
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
    assert "'kick'" in said(with_track(subtract=True))
    assert "polarity" in said(with_track(subtract=True))
    assert "expressions" in said(with_clip(gain=0.5))
    assert "shapes" in said(with_clip(fade_in=5, fade_in_shape="s-curve"))
    assert "shapes" not in said(with_clip(fade_in_shape="s-curve"))
    assert "groups" in said(with_clip(group=3))
    assert "+6 dB" in said(with_track(gain=2.1))
    assert "+6 dB" in said(with_track(gain=1.5, gain_points=(Point(0, 1.5),)))
    assert "lines of dB" in said(with_track(gain_points=(Point(0, 1.0), Point(9, 0.5))))
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


# --- what others write -----------------------------------------------------------------------------------------------


def wav(seed: int, samples: int, channels: int = 1, rate: int = RATE) -> bytes:
    data = io.BytesIO()
    sf.write(data, noise(seed, samples, channels), rate, format="WAV", subtype="FLOAT")
    return data.getvalue()


def packed(path: Path, project: str | bytes, members: Mapping[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.xml", project)
        for name, data in (members or {}).items():
            archive.writestr(name, data)
    return path


def channel(number: int, extra: str = "", attributes: str = "", volume: str = "1.0") -> str:
    return f"""<Channel audioChannels="2" role="regular" solo="false" id="c{number}" {attributes}>{extra}
      <Pan max="1.000000" min="0.000000" unit="normalized" value="0.500000" id="p{number}"/>
      <Volume max="2.000000" min="0.000000" unit="linear" value="{volume}" id="v{number}"/></Channel>"""


def project_of(
    lanes: str,
    *,
    unit: str = "beats",
    structure: str | None = None,
    transport: str = '<Tempo unit="bpm" value="120.0"/><TimeSignature numerator="4" denominator="4"/>',
    more: str = "",
) -> str:
    """One audio track "t1", or another structure, with lanes."""
    tracks = structure or f'<Track contentType="audio" id="t1" name="Vox" color="#b53bba">{channel(1)}</Track>'
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Project version="1.0"><Application name="Some DAW" version="5.0"/><Transport>{transport}</Transport>
<Structure>{tracks}</Structure>
<Arrangement id="a"><Lanes timeUnit="{unit}" id="l">{lanes}</Lanes>{more}</Arrangement><Scenes/></Project>"""


def file_of(name: str = "audio/one.wav", external: str = "") -> str:
    return f'<Audio channels="1" duration="2.0" sampleRate="44100"><File path="{name}" {external}/></Audio>'


def lane_of(clips: str, track: str = "t1") -> str:
    return f'<Lanes track="{track}"><Clips>{clips}</Clips></Lanes>'


Read = Callable[..., tuple[Session, list[str]]]


@pytest.fixture
def read(store: MediaStore, tmp_path: Path) -> Read:
    """Read a project text with `audio/one.wav` of two seconds in the archive, and other members if given."""

    def run(project: str, members: Mapping[str, bytes] | None = None) -> tuple[Session, list[str]]:
        path = packed(tmp_path / "in.dawproject", project, {"audio/one.wav": wav(1, 2 * RATE)} | dict(members or {}))
        session, notes = read_dawproject(path, tmp_path / "in audio", store)
        assert validated(session) is session
        return session, notes

    return run


def only(session: Session) -> Clip:
    (clip,) = session.clips()
    return clip


def placed(session: Session) -> list[tuple[int, int, int]]:
    return [(clip.start, clip.offset, clip.length) for clip in session.clips()]


def test_nested_and_warped_clips_as_bitwig_writes_them(read: Read) -> None:
    """Two levels of clips, warps in beats; 4 beats at 120 a minute are the 2 s of the file: nothing is stretched."""
    session, notes = read(
        project_of(
            lane_of(
                """<Clip time="2.0" duration="4.0" playStart="0.0" loopStart="0.0" loopEnd="4.0" fadeTimeUnit="beats"
                  fadeInTime="0.5" fadeOutTime="0.0" name="Drums"><Clips id="x">
                  <Clip time="0.0" duration="4.0" contentTimeUnit="beats" playStart="0.0" fadeTimeUnit="beats"
                    fadeInTime="0.0" fadeOutTime="0.25"><Warps contentTimeUnit="seconds" timeUnit="beats" id="w">"""
                + file_of()
                + """<Warp time="0.0" contentTime="0.0"/><Warp time="4.00000343322754" contentTime="2.0"/></Warps>
                  </Clip></Clips></Clip>"""
            )
        )
    )
    assert placed(session) == [(RATE, 0, 2 * RATE)]
    clip = only(session)
    assert (clip.name, clip.fade_in, clip.fade_out) == ("Drums", RATE // 4, RATE // 8)
    assert (session.tracks[0].name, session.tracks[0].color) == ("Vox", "#b53bba")
    assert session.tempo == Tempo(bpm=120.0, beats=4)
    assert notes == []


def test_stretched_audio_plays_at_its_own_speed(read: Read) -> None:
    warped = (
        '<Warps contentTimeUnit="seconds">{}<Warp time="0" contentTime="0"/><Warp time="2" contentTime="2"/></Warps>'
    )
    session, notes = read(
        project_of(lane_of(f'<Clip time="0" duration="1" playStart="0.5">{warped.format(file_of())}</Clip>'))
    )
    assert placed(session) == [(0, RATE // 2, RATE // 2)], "from the place where the clip begins"
    assert any("audio/one.wav is not stretched" in note for note in notes)


def test_one_warp_only_moves_the_audio(read: Read) -> None:
    warps = f'<Warps contentTimeUnit="seconds">{file_of()}<Warp time="1" contentTime="0.75"/></Warps>'
    session, notes = read(project_of(lane_of(f'<Clip time="0" duration="2">{warps}</Clip>')))
    assert placed(session) == [(0, RATE // 4, RATE)]
    assert notes == []


def test_a_clip_shows_a_window_of_nested_clips(read: Read) -> None:
    inner = (
        f'<Clip time="1" duration="1">{file_of()}</Clip><Clip time="2" duration="1" playStart="0.25">{file_of()}</Clip>'
    )
    outer = f'<Clip time="10" duration="1.5" playStart="1.25"><Clips>{inner}</Clips></Clip>'
    session, _ = read(project_of(lane_of(outer), unit="seconds"))
    assert placed(session) == [
        (10 * RATE, RATE // 4, 3 * RATE // 4),
        (10 * RATE + 3 * RATE // 4, RATE // 4, 3 * RATE // 4),
    ]


def test_units_of_time_are_those_around(read: Read) -> None:
    """`time` and `duration` are of the timeline around, `playStart` is of the content."""
    units = 'contentTimeUnit="seconds" fadeTimeUnit="seconds"'
    clip = f'<Clip time="4" duration="1" {units} playStart="0.5" fadeInTime="0.1">{file_of()}</Clip>'
    session, _ = read(project_of(lane_of(clip)))
    assert placed(session) == [(2 * RATE, RATE // 2, RATE // 2)]
    assert only(session).fade_in == RATE // 10


def test_fades_without_a_unit_are_in_that_of_the_timeline_around(read: Read) -> None:
    clip = f'<Clip time="0" duration="2" contentTimeUnit="seconds" fadeOutTime="1">{file_of()}</Clip>'
    assert only(read(project_of(lane_of(clip)))[0]).fade_out == RATE // 2


def test_loops_become_clips(read: Read) -> None:
    clip = f'<Clip time="0" duration="5" playStart="1" loopStart="0.5" loopEnd="2">{file_of()}</Clip>'
    session, _ = read(project_of(lane_of(clip), unit="seconds"))
    half = RATE // 2
    assert placed(session) == [
        (0, RATE, RATE),
        (RATE, half, 3 * half),
        (5 * half, half, 3 * half),
        (8 * half, half, RATE),
    ]


def test_play_stop_and_negative_fades(read: Read) -> None:
    clips = f'<Clip time="1" playStart="0.5" playStop="0.75">{file_of()}</Clip>'
    clips += f'<Clip time="3" duration="0.5" playStart="1" fadeInTime="-0.25">{file_of()}</Clip>'
    session, _ = read(project_of(lane_of(clips), unit="seconds"))
    quarter = RATE // 4
    assert placed(session) == [(RATE, RATE // 2, quarter), (11 * quarter, 3 * quarter, 3 * quarter)]
    assert [clip.fade_in for clip in session.clips()] == [0, quarter], "it begins earlier, for a crossfade"


def test_an_alias_plays_the_content_of_another_clip(read: Read) -> None:
    clips = (
        f'<Clip time="0" duration="1"><Clips id="part"><Clip time="0" duration="1">{file_of()}</Clip></Clips></Clip>'
    )
    clips += '<Clip time="2" duration="0.5" reference="part"/><Clip time="4" duration="1" reference="nothing"/>'
    session, notes = read(project_of(lane_of(clips), unit="seconds"))
    assert placed(session) == [(0, 0, RATE), (2 * RATE, 0, RATE // 2)]
    assert any("content which is not in the file" in note for note in notes)


def test_gain_and_mute_of_clips(read: Read) -> None:
    gain = '<Points unit="decibel"><Target expression="gain"/><RealPoint time="0" value="-20"/></Points>'
    clips = (
        f'<Clip time="0" duration="1" enable="false" color="#010203ff" name=""><Lanes>{file_of()}{gain}</Lanes></Clip>'
    )
    clip = only(read(project_of(lane_of(clips), unit="seconds"))[0])
    assert clip.gain == pytest.approx(0.1)
    assert (clip.mute, clip.color, clip.name) == (True, "#010203", "")
    half = '<Points unit="linear"><Target expression="gain"/><RealPoint time="0" value="0.5"/></Points>'
    around = f'<Clip time="0" duration="1" enable="false" name="around"><Lanes><Clips>{{}}</Clips>{half}</Lanes></Clip>'
    inner = clips.replace('enable="false"', "").replace('name=""', "")
    clip = only(read(project_of(lane_of(around.format(inner)), unit="seconds"))[0])
    assert clip.gain == pytest.approx(0.05), "those of both"
    assert (clip.mute, clip.name) == (True, "around")


def test_channels_that_lead_in_a_circle(read: Read) -> None:
    structure = f"""<Track contentType="audio" id="t1">{channel(1, attributes='destination="c2"', volume="0.5")}</Track>
      <Track contentType="audio" id="t2">{channel(2, attributes='destination="c1"', volume="0.1")}</Track>"""
    session, _ = read(project_of("", structure=structure))
    assert [track.gain for track in session.tracks] == pytest.approx([0.05, 0.05]), "each other's, once"


def test_as_studio_one_writes(read: Read) -> None:
    """Seconds in the clip, beats around it, a tempo only as automation, a folder, a bus and markers."""
    structure = f"""<Track contentType="tracks" id="f" name="Folder">
        <Track contentType="audio" id="t1" name="Vox">{channel(1, attributes='destination="bus"', volume="0.5")}</Track>
      </Track><Track contentType="audio" id="b" name="Bus"><Channel id="bus" role="submix" destination="main">
        <Mute value="true"/><Pan unit="normalized" value="0.7"/><Volume unit="decibel" value="-20"/></Channel></Track>
      <Channel id="main" role="master"><Volume unit="linear" value="0.5"/></Channel>"""
    changes = '<RealPoint time="8" value="150"/><RealPoint time="0" value="60"/>'
    tempo = f'<TempoAutomation timeUnit="beats" unit="bpm">{changes}</TempoAutomation>'
    markers = '<Markers><Marker time="2" name="Chorus"/><Marker time="1"/></Markers>'
    clip = f'<Clip time="4.0" duration="1.0" contentTimeUnit="seconds" playStart="1.0" name="take">{file_of()}</Clip>'
    text = project_of(lane_of(clip), structure=structure, transport="", more=markers + tempo)
    session, notes = read(text)
    assert placed(session) == [(4 * RATE, RATE, RATE)]
    assert [track.name for track in session.tracks] == ["Vox"]
    assert session.tracks[0].gain == pytest.approx(0.5 * 0.1 * 0.5), "its own, the bus's, the master's"
    assert session.tracks[0].mute
    assert [(marker.at, marker.name) for marker in session.markers] == [(RATE, "Marker 1"), (2 * RATE, "Chorus")]
    assert session.tempo == Tempo(bpm=60.0)
    said = "\n".join(notes)
    for word in ("tempo changes: 60", "flattened", "pans of groups", "the master's fader", "no audio are left out: 2"):
        assert word in said


def test_what_is_no_audio_is_left_out_with_a_note_each(read: Read) -> None:
    devices = (
        "<Devices><ClapPlugin deviceName='x' deviceRole='audioFX'/></Devices><Sends><Send><Volume/></Send></Sends>"
    )
    structure = f'<Track contentType="audio" id="t1">{channel(1, devices)}</Track>'
    structure += f'<Track contentType="notes" id="t2">{channel(2, "<Devices/>")}</Track>'
    notes_clip = (
        '<Clip time="0" duration="4"><Notes><Note time="0" duration="1" key="60"><Points/></Note></Notes></Clip>'
    )
    video = '<Video duration="1" channels="1" sampleRate="1"><File path="v.mp4"/></Video>'
    lanes = lane_of(notes_clip * 3, "t2") + lane_of(f'<Clip time="0" duration="4">{video}</Clip>')
    lanes += '<Points track="t1"><Target parameter="x9"/><RealPoint time="0" value="1"/></Points>'
    session, notes = read(
        project_of(lanes, structure=structure).replace("<Scenes/>", "<Scenes><Scene><Lanes/></Scene></Scenes>")
    )
    assert [track.name for track in session.tracks] == ["Track 1"]
    assert not list(session.clips())
    assert len(notes) == len(set(notes))
    for word in (
        "notes (MIDI)",
        "devices",
        "sends",
        "video",
        "automation of other",
        "scenes",
        "no audio are left out: 1",
    ):
        assert sum(word in note for note in notes) == 1, word


def test_automation_replaces_fader_and_pan(read: Read) -> None:
    points = """<Points unit="linear" timeUnit="seconds"><Target parameter="v1"/>
        <RealPoint time="0" value="0.5" interpolation="linear"/><RealPoint time="1" value="1.5" interpolation="hold"/>
        <RealPoint time="2" value="0.25"/></Points>
      <Points unit="normalized" timeUnit="seconds"><Target parameter="p1"/>
        <RealPoint time="1" value="0.0" interpolation="linear"/>
        <RealPoint time="1" value="1.0" interpolation="linear"/></Points>"""
    structure = f'<Track contentType="audio" id="t1" name="Vox">{channel(1, volume="0.5")}</Track>'
    session, _ = read(project_of(f'<Lanes track="t1">{points}</Lanes>', structure=structure))
    (track,) = session.tracks
    assert track.gain == 0.5
    assert track.gain_points == (Point(0, 1.0), Point(RATE, 3.0), Point(2 * RATE - 1, 3.0), Point(2 * RATE, 0.5))
    assert (track.pan, track.pan_points) == (0.0, (Point(RATE - 1, -1.0), Point(RATE, 1.0)))


@pytest.mark.parametrize("fader", ["0.0", "1e-300", "inf", "99"])
def test_automation_of_a_fader_that_no_envelope_can_multiply(read: Read, fader: str) -> None:
    points = '<Points><Target parameter="v1"/><RealPoint time="0" value="0.5"/></Points>'
    structure = f'<Track contentType="audio" id="t1">{channel(1, volume=fader)}</Track>'
    (track,) = read(project_of(points, structure=structure))[0].tracks
    assert track.gain * track.gain_points[0].value == pytest.approx(0.5)


def test_values_out_of_range_are_limited(read: Read) -> None:
    clips = f"""<Clip time="-1" duration="2.5" fadeInTime="9" fadeOutTime="nan">{file_of()}</Clip>
      <Clip time="10" duration="99" playStart="-1" name="{"n" * 999}">{file_of()}</Clip>
      <Clip time="1e300" duration="1">{file_of()}</Clip>
      <Clip time="30" duration="0.5" playStart="1e9">{file_of()}</Clip>
      <Clip time="20" duration="0">{file_of()}</Clip><Clip time="x" duration="1" color="red">{file_of()}</Clip>"""
    structure = (
        f'<Track contentType="audio" id="t1" name="{"n" * 999}" color="blue">{channel(1, volume="1e99")}</Track>'
    )
    text = project_of(
        lane_of(clips),
        unit="seconds",
        structure=structure,
        transport='<Tempo unit="bpm" value="666"/><TimeSignature numerator="99" denominator="0"/>',
        more='<Markers timeUnit="seconds"><Marker time="-5" name="a"/><Marker time="1e9" name="b"/></Markers>',
    )
    session, notes = read(text)
    # The first begins before the timeline: its first second is cut. The second shows a second before its audio.
    assert placed(session) == [(0, RATE, 3 * RATE // 2 - RATE // 2), (0, 0, RATE), (11 * RATE, 0, 2 * RATE)]
    assert session.tracks[0].gain == MAX_GAIN
    assert session.tempo == Tempo(bpm=400.0, beats=4)
    assert [marker.at for marker in session.markers] == [0, MAX_LENGTH]
    said = "\n".join(notes)
    for word in (
        "ends of the timeline",
        "fades longer",
        "names are cut",
        "+24 dB",
        "ruler",
        "markers beyond",
        "times beyond",
    ):
        assert word in said


@pytest.mark.parametrize(
    ("signature", "expected"), [((6, 8), Tempo(bpm=120.0, beats=3)), ((7, 8), Tempo(bpm=240.0, beats=7))]
)
def test_time_signatures(read: Read, signature: tuple[int, int], expected: Tempo) -> None:
    text = '<Tempo unit="bpm" value="120"/><TimeSignature numerator="{}" denominator="{}"/>'
    assert read(project_of("", transport=text.format(*signature)))[0].tempo == expected


def test_beats_without_a_tempo(read: Read) -> None:
    session, notes = read(project_of(lane_of(f'<Clip time="2" duration="1">{file_of()}</Clip>'), transport=""))
    assert session.tempo is None
    assert placed(session) == [(RATE, 0, RATE // 2)]
    assert any("no tempo" in note for note in notes)


def test_missing_and_unreadable_audio(read: Read, tmp_path: Path) -> None:
    names = ("audio/gone.wav", "audio/text.wav", "audio/one.wav", "audio/wide.wav", "audio/short.wav")
    clips = "".join(f'<Clip time="{n}" duration="1">{file_of(name)}</Clip>' for n, name in enumerate(names))
    members = {
        "audio/text.wav": b"no audio",
        "audio/wide.wav": wav(2, RATE, 4),
        "audio/short.wav": wav(3, RATE)[:-1000],
    }
    session, notes = read(project_of(lane_of(clips), unit="seconds"), members)
    assert [clip.name for clip in session.clips()] == ["one", "wide"]
    assert [media.take for media in session.media] == ["", "mix"]
    assert {Path(media.path).name for media in session.media} == {"one.wav", "wide.wav"}
    assert {path.name for path in files_below(tmp_path / "in audio")} == {"one.wav", "wide.wav"}
    for name, reason in zip(names, ("is missing", "not a readable", None, "more than 2", "truncated"), strict=True):
        found = [note for note in notes if name in note]
        assert len(found) == (reason is not None), name
        assert reason is None or reason in found[0]


def test_audio_beside_the_project_is_used_where_it_lies(read: Read, tmp_path: Path) -> None:
    near = write_audio(tmp_path / "loops" / "near.wav", noise(5, RATE))
    names = ("loops/near.wav", "loops\\near.wav", str(near), "loops/none.wav", "//server/share/x.wav", "C:/x.wav")
    clips = "".join(
        f'<Clip time="{n}" duration="1">{file_of(name, "external=" + chr(34) + "true" + chr(34))}</Clip>'
        for n, name in enumerate(names)
    )
    session, notes = read(project_of(lane_of(clips), unit="seconds"))
    assert [clip.start for clip in session.clips()] == [0, RATE, 2 * RATE]
    assert [media.path for media in session.media] == [str(near)]
    assert sum("is missing" in note for note in notes) == 3
    assert not (tmp_path / "in audio").exists()


def test_no_file_is_replaced(read: Read, tmp_path: Path) -> None:
    mine = write_audio(tmp_path / "in audio" / "one.wav", noise(9, 100))
    before = mine.read_bytes()
    text = project_of(lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>'))
    session, _ = read(text)
    assert mine.read_bytes() == before
    assert Path(session.media[0].path).name.startswith("one-")
    assert read(text)[0].media == session.media, "what lies there already is used again"
    assert len(files_below(tmp_path / "in audio")) == 2


def test_equal_content_is_written_once(read: Read, tmp_path: Path) -> None:
    clips = "".join(
        f'<Clip time="{n}" duration="1">{file_of(f"audio/{name}.wav")}</Clip>' for n, name in enumerate(("one", "two"))
    )
    session, _ = read(project_of(lane_of(clips)), {"audio/two.wav": wav(1, 2 * RATE)})
    assert len({clip.media for clip in session.clips()}) == len(session.media) == 1
    assert [path.name for path in files_below(tmp_path / "in audio")] == ["one.wav"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.wav",
        "/evil.wav",
        "..\\..\\evil.wav",
        "C:\\evil.wav",
        "a/../../evil.wav",
        "audio/.evil.wav",
        "CON.wav",
        "audio/..",
        "audio/evil.sh",
        f"audio/{'e' * 400}.wav",
        "audio/evil\u202e.wav",
        "audio/evil.wav/",
    ],
)
def test_names_stay_in_the_folder(store: MediaStore, tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / "er" / "in.dawproject"
    path.parent.mkdir(parents=True)
    clip = f'<Clip time="0" duration="1">{file_of(name)}</Clip>'
    packed(
        path, project_of(lane_of(clip)), {name: wav(1, RATE)} if not name.endswith("/") else {name[:-1]: wav(1, RATE)}
    )
    folder = path.parent / "audio folder"
    before = set(files_below(tmp_path / "deep"))
    session, notes = read_dawproject(path, folder, store)
    (written,) = set(files_below(tmp_path / "deep")) - before
    assert written.parent == folder
    assert written.suffix == ".wav"
    assert not written.name.startswith((".", "CON"))
    assert notes == []
    assert [media.path for media in session.media] == [str(written)]


@given(st.text(max_size=300))
def test_file_names_are_harmless(text: str) -> None:
    name = file_name(text)
    assert 0 < len(name.encode()) <= 160
    assert Path(name).name == name
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert name.strip(" .") == name
    assert file_name(name) == name


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(store: MediaStore, tmp_path: Path) -> Callable[[Path], str]:
    """Read a file that must be refused, and leaves nothing: returns the message."""

    def run(path: Path) -> str:
        folder = tmp_path / "new" / "audio"
        before = files_below(tmp_path / "work") if (tmp_path / "work").exists() else []
        with pytest.raises(ProjectError) as caught:
            read_dawproject(path, folder, store)
        assert str(path) in caught.value.problem
        assert caught.value.remedy
        assert not (tmp_path / "new").exists()
        assert (files_below(tmp_path / "work") if (tmp_path / "work").exists() else []) == before
        return caught.value.problem

    return run


BOMB = """<!DOCTYPE Project [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Project version="1.0"><Application name="&b;" version="1"/></Project>"""
OUTSIDE = """<!DOCTYPE Project [<!ENTITY x SYSTEM "file:///etc/passwd">]><Project version="&x;"/>"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no valid XML"),
        ("<Project", "no valid XML"),
        ("<Project><a></Project>", "no valid XML"),
        ("<Song/>", "not that of a DAWproject"),
        ('<?xml version="1.0" encoding="klingon"?><Project/>', "no valid XML"),
        (BOMB, "no valid XML"),
        (OUTSIDE, "no valid XML"),
        ("<!DOCTYPE Project SYSTEM 'http://example.org/x.dtd'><Project/>", "no valid XML"),
        ("<Project>" + "<Lanes>" * 100_000, "nested more than 64"),
        ("<Project>" + "<Notes/>" * 500_001, "more than 500,000"),
    ],
    ids=range(10),
)
def test_broken_and_malicious_documents(tmp_path: Path, refused: Any, text: str, reason: str) -> None:
    assert reason in refused(packed(tmp_path / "a.dawproject", text))


def test_other_encodings_are_read(store: MediaStore, tmp_path: Path) -> None:
    text = project_of("").replace("Vox", "Blåsare").replace('encoding="UTF-8"', "")
    for number, encoding in enumerate(("utf-8-sig", "utf-16")):
        path = packed(tmp_path / f"{number}.dawproject", text.encode(encoding))
        assert read_dawproject(path, tmp_path / "x", store)[0].tracks[0].name == "Blåsare"


def test_a_document_that_is_too_large(tmp_path: Path, refused: Any) -> None:
    text = project_of("").encode() + b" " * (64 * 1024 * 1024)
    assert "larger than 64 MiB" in refused(packed(tmp_path / "a.dawproject", text))


def test_circles_and_too_many_clips(tmp_path: Path, refused: Any) -> None:
    circle = '<Clip time="0" duration="1"><Clips id="x"><Clip time="0" duration="1" reference="x"/></Clips></Clip>'
    assert "in a circle" in refused(packed(tmp_path / "a.dawproject", project_of(lane_of(circle))))
    loop = f'<Clip time="0" duration="9000" loopStart="0" loopEnd="0.001">{file_of()}</Clip>'
    assert "more than 100,000 clips" in refused(packed(tmp_path / "a.dawproject", project_of(lane_of(loop))))
    doubling = '<Clip time="0" duration="1"><Clips id="x0"/></Clip>'
    for number in range(1, 30):
        twice = f'<Clip time="0" duration="1" reference="x{number - 1}"/>' * 2
        doubling += f'<Clip time="0" duration="1"><Clips id="x{number}">{twice}</Clips></Clip>'
    assert "more than 100,000 clips" in refused(packed(tmp_path / "a.dawproject", project_of(lane_of(doubling))))


def test_what_is_no_archive(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "a.dawproject"
    assert "no such file" in refused(path)
    path.mkdir()
    assert "it is a folder" in refused(path)
    path.rmdir()
    path.write_bytes(b"")
    assert "damaged or not a DAWproject" in refused(path)
    path.write_text("<Project/>")
    assert "damaged or not a DAWproject" in refused(path)
    whole = packed(path, project_of("")).read_bytes()
    at = whole.index(b"PK\x05\x06") + 16  # where the directory begins: now beyond the end
    path.write_bytes(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
    assert "damaged" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("song/project.xml", "<Project/>")
    assert "no project.xml" in refused(path)


def test_damaged_and_encrypted_members(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "a.dawproject"
    clips = f'<Clip time="0" duration="1">{file_of("audio/two.wav")}</Clip>'
    text = project_of(lane_of(clips + f'<Clip time="1" duration="1">{file_of()}</Clip>'))
    sound = wav(1, RATE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("project.xml", text)
        archive.writestr("audio/two.wav", wav(2, RATE))
        archive.writestr("audio/one.wav", sound)
    whole = path.read_bytes()
    at = whole.index(sound) + 5000
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert "Bad CRC" in refused(path), "the first file was written before, and is gone again"
    flags = [found.start() + 8 for found in re.finditer(rb"PK\x01\x02", whole)]
    locked = bytearray(whole)
    for place in flags:
        locked[place] |= 1
    for found in re.finditer(rb"PK\x03\x04", whole):
        locked[found.start() + 6] |= 1
    path.write_bytes(bytes(locked))
    assert "encrypted" in refused(path)


def test_a_disk_without_room(store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(
        tmp_path / "a.dawproject",
        project_of(lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>')),
        {"audio/one.wav": wav(1, RATE)},
    )
    folder = tmp_path / "new" / "audio"
    monkeypatch.setattr(audio_module, "open", disk := FullDisk(1000), raising=False)
    with pytest.raises(ProjectError, match="disk is full"):
        read_dawproject(path, folder, store)
    assert disk.refused
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(audio_module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 0, 1000))  # type: ignore[attr-defined]
    with pytest.raises(ProjectError, match="its audio takes"):
        read_dawproject(path, folder, store)
    (tmp_path / "new").write_text("a file")


def test_a_store_that_cannot_be_written_is_no_fault_of_the_file(
    store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = f'<Clip time="0" duration="1">{file_of()}</Clip>'
    path = packed(tmp_path / "a.dawproject", project_of(lane_of(clip)), {"audio/one.wav": wav(1, RATE)})
    monkeypatch.setattr("lincae_studio.media.store.open", FullDisk(1000), raising=False)
    with pytest.raises(MediaError, match="disk is full"):
        read_dawproject(path, tmp_path / "new" / "audio", store)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_none(store: MediaStore, tmp_path: Path) -> None:
    path = packed(
        tmp_path / "a.dawproject",
        project_of(lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>')),
        {"audio/one.wav": wav(1, RATE)},
    )
    (tmp_path / "new").write_text("a file")
    for folder in (tmp_path / "new", tmp_path / "new" / "audio"):
        with pytest.raises(ProjectError, match="cannot write audio"):
            read_dawproject(path, folder, store)
    assert (tmp_path / "new").read_text() == "a file"


@pytest.mark.parametrize("existing", [False, True])
def test_cancelling_leaves_nothing(store: MediaStore, tmp_path: Path, existing: bool) -> None:
    names = [f"audio/{number}.wav" for number in range(3)]
    clips = "".join(f'<Clip time="0" duration="1">{file_of(name)}</Clip>' for name in names)
    path = packed(
        tmp_path / "a.dawproject", project_of(lane_of(clips)), {name: wav(n, RATE) for n, name in enumerate(names)}
    )
    folder = tmp_path / "new" / "audio"
    if existing:
        write_audio(folder / "mine.wav", noise(5, 10))
    token = CancelToken()
    seen = []

    def stop(progress: Progress) -> None:
        seen.append(len(files_below(folder)) if folder.exists() else 0)
        if progress.done == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        read_dawproject(path, folder, store, stop, token)
    assert seen == [existing, 1 + existing, 2 + existing]
    assert (tmp_path / "new").exists() == existing
    assert not existing or [file.name for file in files_below(folder)] == ["mine.wav"]


WORDS = [
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-1e308",
    "true",
    "beats",
    "seconds",
    "id22",
    "t1",
    "../x",
    "\ud7ff",
]


def mutated(draw: Callable[[st.SearchStrategy[Any]], Any], whole: bytes) -> bytes:
    """An archive with damaged bytes, or a sound one whose document says other things."""
    if draw(st.booleans()):
        data = bytearray(whole)
        for _ in range(draw(st.integers(1, 8))):
            at = draw(st.integers(0, len(data) - 1))
            kind = draw(st.sampled_from(["flip", "cut", "repeat", "end"]))
            if kind == "flip":
                data[at] = draw(st.integers(0, 255))
            elif kind == "cut":
                del data[at : at + min(draw(st.integers(1, 50)), len(data) - 1)]
            elif kind == "repeat":
                data[at:at] = data[at : at + 50]
            else:
                del data[max(1, at) :]
        return bytes(data)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    root = ElementTree.fromstring(members["project.xml"])
    for _ in range(draw(st.integers(1, 6))):
        elements = list(root.iter())
        element = elements[draw(st.integers(0, len(elements) - 1))]
        kind = draw(st.sampled_from(["attribute", "attribute", "attribute", "tag", "move", "drop"]))
        if kind == "attribute" and element.attrib:
            name = draw(st.sampled_from(sorted(element.attrib)))
            element.set(name, draw(st.one_of(st.sampled_from(WORDS), st.floats().map(str))))
        elif kind == "tag":
            element.tag = draw(st.sampled_from(sorted(SCHEMA)))
        elif kind == "move" and len(element):
            element.append(element[0])
        elif kind == "drop" and len(element):
            del element[draw(st.integers(0, len(element) - 1))]
    members["project.xml"] = ElementTree.tostring(root)
    data_out = io.BytesIO()
    with zipfile.ZipFile(data_out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data_out.getvalue()


@settings(max_examples=300)
@given(data=st.data())
def test_mutated_archives_are_read_or_refused(
    store: MediaStore, media: list[Media], tmp_path: Path, data: st.DataObject
) -> None:
    base = tmp_path / "base.dawproject"
    if not base.exists():
        session = session_of(*media)
        points = (Point(0, 1.0), Point(500, 0.3))
        first = replace(session.tracks[0], gain_points=points, pan_points=points)
        clip = replace(first.clips[0], gain=0.5, fade_in=10, color="#123456")
        session = replace(session, tracks=(replace(first, clips=(clip,)), *session.tracks[1:]), tempo=Tempo(bpm=100.0))
        session = replace(session, markers=(Marker(id=session.next_id, at=7, name="x"),), next_id=session.next_id + 1)
        write_dawproject(validated(session), store, base, "base")
    work = tmp_path / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    path = work / "in.dawproject"
    path.write_bytes(mutated(data.draw, base.read_bytes()))
    folder = work / "audio"
    try:
        session, _ = read_dawproject(path, folder, store)
    except (ProjectError, MediaError):
        assert list(work.iterdir()) == [path]
        return
    assert validated(session) is session
    assert set(work.iterdir()) <= {path, folder}
    assert all(file.parent == folder for file in files_below(work) if file != path)


# --- the command line's part -----------------------------------------------------------------------------------------


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
    with pytest.raises(UsageError, match="no name"):
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


def _full(_path: Path, _data: bytes) -> None:
    import errno

    raise OSError(errno.ENOSPC, "No space left on device")


# Large ones


class Countdown(CancelToken):
    """Is cancelled when it was asked so often."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._left = checks

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.cancel()
        super().check()


_TO = 'destination="c{}"'


def chained(count: int) -> str:
    """Tracks that lead each into the next."""
    return "".join(
        f'<Track contentType="audio" id="t{n}">{channel(n, attributes=_TO.format(n + 1))}</Track>' for n in range(count)
    )


def warped_and_looped(warps: int, loops: int) -> str:
    points = "".join(f'<Warp time="{n}" contentTime="{n}"/>' for n in range(warps))
    clip = f'''<Clip time="0" duration="{loops}" loopStart="0" loopEnd="1" playStart="0">
      <Warps contentTimeUnit="seconds" timeUnit="seconds">{points}{file_of()}</Warps></Clip>'''
    return project_of(lane_of(clip), unit="seconds")


def test_a_long_way_to_the_master_is_cut_short(read: Read) -> None:
    session, notes = read(project_of("", structure=chained(3000)))
    assert len(session.tracks) == 3000
    assert "channels that go through more than 64 others are cut short" in notes


def test_content_that_is_repeated_without_end_is_refused(read: Read) -> None:
    with pytest.raises(ProjectError, match="repeat too much content"):
        read(warped_and_looped(20_000, 400))
    session, _ = read(warped_and_looped(100, 3))
    assert len(list(session.clips())) == 3


@pytest.mark.parametrize("text", [project_of("", structure=chained(500)), warped_and_looped(50, 500)])
def test_a_cancelled_import_ends_while_it_reads_the_structure(store: MediaStore, tmp_path: Path, text: str) -> None:
    path = packed(tmp_path / "in.dawproject", text, {"audio/one.wav": wav(1, 2 * RATE)})
    with pytest.raises(Cancelled):
        read_dawproject(path, tmp_path / "in audio", store, cancel=Countdown(100))
    assert not (tmp_path / "in audio").exists()
