"""What other programs write is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lincae_studio.media.dawproject.names import file_name
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import (
    MAX_GAIN,
    MAX_LENGTH,
    Point,
    Tempo,
)
from tests.helpers import files_below, noise, write_audio
from tests.media.dawproject.texts import RATE, Read, channel, file_of, lane_of, only, packed, placed, project_of, wav


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
    assert any("audio/one.wav” is not time-stretched" in note for note in notes)


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


def test_channels_routed_in_a_circle(read: Read) -> None:
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
    assert [track.name for track in session.tracks] == ["Folder", "Vox"]
    assert session.tracks[1].parent == session.tracks[0].id
    assert session.tracks[0].gain == 1.0, "the folder has no channel"
    assert session.tracks[1].gain == pytest.approx(0.5 * 0.1), "its own, the bus's"
    assert session.master.gain == 0.5
    assert session.tracks[1].mute
    assert [(marker.at, marker.name) for marker in session.markers] == [(RATE, "Marker 1"), (2 * RATE, "Chorus")]
    assert session.tempo == Tempo(bpm=60.0)
    said = "\n".join(notes)
    words = ("shows 60 BPM", "flattened", "pans of submixes")
    for word in words:
        assert word in said
    assert "without audio" not in said, "the bus is flattened, not left out"


def test_non_audio_content_is_left_out_with_notes(read: Read) -> None:
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
        "MIDI notes",
        "devices",
        "sends",
        "video",
        "automation other than volume",
        "scenes",
        "1 track without audio",
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
    corners = (Point(0, 1.0), Point(RATE, 3.0), Point(2 * RATE - 1, 3.0), Point(2 * RATE, 0.5))
    assert {point.at for point in corners} <= {point.at for point in track.gain_points}
    assert [point for point in track.gain_points if point in corners] == list(corners)
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
    ("signature", "expected"),
    [
        ((6, 8), Tempo(bpm=120.0, beats=6, unit=8)),
        ((7, 8), Tempo(bpm=120.0, beats=7, unit=8)),
        ((2, 2), Tempo(bpm=120.0, beats=4)),
        ((6, 16), Tempo(bpm=120.0, beats=3, unit=8)),
        ((3, 16), Tempo(bpm=400.0, beats=3)),
    ],
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
    assert [media.channel_selection for media in session.media] == ["", "mix"]
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
    assert [clip.start for clip in session.clips()] == [number * RATE for number in range(6)]
    assert len({clip.media for clip in session.clips()}) == 4, "the first three are the same file"
    lost = [str(tmp_path / name) for name in ("loops/none.wav", "x.wav", "x.wav")]
    assert [media.path for media in session.media] == [str(near), *lost]
    assert sum("is missing" in note for note in notes) == 3
    assert not (tmp_path / "in audio").exists()


@pytest.mark.linux("makes named pipes")
def test_audio_beside_the_project_may_be_anything(read: Read, tmp_path: Path) -> None:
    (tmp_path / "loops").mkdir()
    os.mkfifo(tmp_path / "loops" / "pipe.wav")
    names = ("loops/pipe.wav", "/dev/zero", "/proc/self/pagemap")
    clips = "".join(
        f'<Clip time="{n}" duration="1">{file_of(name, "external=" + chr(34) + "true" + chr(34))}</Clip>'
        for n, name in enumerate(names)
    )
    session, notes = read(project_of(lane_of(clips), unit="seconds"))
    assert not session.media
    for name in names:
        assert any(name in note and "cannot be used" in note for note in notes)


def test_audio_outside_the_folder_of_the_project_is_named(read: Read, tmp_path: Path) -> None:
    outside = write_audio(tmp_path.parent / f"{tmp_path.name} private" / "memo.wav", noise(5, RATE))
    (tmp_path / "loops").mkdir()
    (tmp_path / "loops" / "near.wav").symlink_to(outside)
    inside = write_audio(tmp_path / "loops" / "far.wav", noise(6, RATE))
    for name, named in ((str(outside), True), ("loops/near.wav", True), (str(inside), False)):
        external = file_of(name, "external=" + chr(34) + "true" + chr(34))
        session, notes = read(project_of(lane_of(f'<Clip time="0" duration="1">{external}</Clip>')))
        assert len(session.media) == 1
        assert any("outside the folder of the project" in note and name in note for note in notes) == named


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
