"""Channels are heard through those they are routed through, named or not."""

from __future__ import annotations

import math

import pytest

from lincae_studio.session.model import MAX_GAIN, Session, Track
from tests.media.dawproject.texts import Read, channel, file_of, lane_of, project_of

MASTER = '<Track contentType="audio" id="m" name="Master"><Channel role="master" id="mc">{}</Channel></Track>'


def track(number: int, attributes: str = "", volume: str = "1.0", more: str = "") -> str:
    return f'<Track contentType="audio" id="t{number}" {more}>{channel(number, "", attributes, volume)}</Track>'


def folder(content: str, bus: str = "", own: str = "", more: str = "") -> str:
    """A folder with its fader in its first track, as REAPER's converter writes it, or with a channel of its own."""
    first = f'<Track contentType="notes audio"><Channel role="master">{bus}</Channel></Track>' if bus else ""
    return f'<Track contentType="tracks" {more}>{own}{first}{content}</Track>'


def fader(gain: float, mute: str = "false") -> str:
    return f'<Mute value="{mute}"/><Volume value="{gain}" unit="linear"/>'


def gains(read: Read, structure: str) -> list[float]:
    """Of each track that is no group, with the groups around it and the master."""
    session, _ = read(project_of("", structure=structure))
    return [through(session, one) for one in session.tracks if one.id not in session.group_ids]


def through(session: Session, track: Track) -> float:
    return track.gain * math.prod(group.gain for group in session.groups_of(track.id)) * session.master.gain


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (folder(track(1), fader(0.5)), [0.5]),
        (folder(folder(track(1)), fader(0.5)) + track(2), [0.5, 1.0]),
        (folder(folder(track(1), fader(0.5)) + track(2), fader(0.1)) + MASTER.format(fader(0.5)), [0.025, 0.05]),
        (folder(track(1) + MASTER.format(fader(0.5)) + MASTER.format(fader(0.1))), [0.5]),
        (folder(track(1), own=f"<Channel>{fader(0.5)}</Channel>") + MASTER.format(fader(0.5)), [0.25]),
        (folder(folder("", own=f'<Channel role="master">{fader(0.1)}</Channel>') + track(1)), [1.0]),
        (MASTER.format(fader(0.5)) + track(1) + track(2, volume="0.5"), [0.5, 0.25]),
        (MASTER.format(fader(0.5)) + track(1, 'destination="nothing"'), [0.5]),
        (f'<Channel role="master">{fader(0.5)}</Channel>' + folder(track(1), "<Solo/>"), [0.5]),
        (folder(track(1, 'destination="mc"'), fader(0.1)) + MASTER.format(fader(0.5)), [0.5]),
    ],
    ids=range(10),
)
def test_channels_without_a_destination(read: Read, structure: str, expected: list[float]) -> None:
    assert gains(read, structure) == pytest.approx(expected)


def test_mute_and_solo_of_a_folder_are_those_of_its_tracks(read: Read) -> None:
    structure = folder(track(1), fader(1.0, "true")) + track(2)
    session, notes = read(project_of("", structure=structure))
    assert [(one.mute, session.audible(one)) for one in session.tracks] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    assert session.track(session.tracks[1].parent) is session.tracks[0]
    assert notes == []
    soloed = read(project_of("", structure=structure.replace('role="master"', 'role="master" solo="true"')))[0]
    assert [one.solo for one in soloed.tracks] == [True, False, False]
    session, notes = read(project_of("", structure=track(1) + MASTER.format(fader(1.0, "true"))))
    assert session.tracks[0].mute
    assert any("master is muted" in note for note in notes)


def test_audio_on_the_bus_of_a_folder_is_heard_through_it(read: Read) -> None:
    bus = f'<Track id="bus" contentType="notes audio"><Channel role="master">{fader(0.5)}</Channel></Track>'
    structure = f'<Track contentType="tracks">{bus}{track(1, volume="0.5")}</Track>' + MASTER.format(fader(0.5))
    clip = f'<Clip time="0" duration="1">{file_of()}</Clip>'
    session, notes = read(project_of(lane_of(clip, "bus"), structure=structure))
    assert [(len(one.clips), through(session, one)) for one in session.tracks] == [(1, 0.25), (0, 0.125)]
    assert session.master.gain == 0.5
    assert not any("not in the file" in note for note in notes)


def test_notes_say_only_what_was_done(read: Read) -> None:
    """Nothing was flattened, muted, or left out of these."""
    assert read(project_of("", structure=folder(track(1))))[1] == []
    idle = track(2, more='loaded="false"').replace("audio", "notes", 1)
    assert read(project_of("", structure=track(1) + idle))[1] == ["1 track without audio left out"]
    empty = '<Clip time="0" duration="4"><Notes/></Clip>'
    empty = lane_of(empty) + '<Points><Target parameter="x"/></Points>'
    same = '<TimeSignaturePoint time="0" numerator="4" denominator="4"/>'
    same = f'<TimeSignatureAutomation><Target parameter="x"/>{same}</TimeSignatureAutomation>'
    assert read(project_of(empty, more=same))[1] == []
    assert read(project_of("", more=same.replace('"4"', '"3"', 1)))[1] == ["time signature changes are left out"]


def test_deactivated_tracks_are_muted(read: Read) -> None:
    off = 'loaded="false"'
    session, notes = read(project_of("", structure=track(1) + track(2, more=off) + track(3, more='loaded="true"')))
    assert [one.mute for one in session.tracks] == [False, True, False]
    assert "deactivated tracks are muted" in notes
    session, _ = read(project_of("", structure=folder(folder(track(1)), more=off) + track(2)))
    assert [session.audible(one) for one in session.tracks][-2:] == [False, True], "a folder takes all in it along"
    bus = MASTER.format(fader(1.0)).replace("master", "submix").replace('id="m"', off)
    session, notes = read(project_of("", structure=track(1, 'destination="mc"') + track(2) + bus))
    assert [one.mute for one in session.tracks] == [True, False], "or a bus"
    assert not any("deactivated" in note for note in read(project_of("", structure=track(1)))[1])


def test_the_master_keeps_its_fader_and_its_automation(read: Read) -> None:
    volume = '<Volume id="mv" value="0.5" unit="linear"/>'
    lane = """<Lanes><Points unit="linear"><Target parameter="mv"/>
      <RealPoint time="0" value="0.5"/><RealPoint time="4" value="0.25" interpolation="hold"/></Points></Lanes>"""
    session, notes = read(project_of(lane, structure=track(1, volume="0.5") + MASTER.format(volume), unit="seconds"))
    assert (session.tracks[0].gain, session.master.gain) == (0.5, 0.5)
    ends = session.master.gain_points[0], session.master.gain_points[-1]
    assert [(point.at, point.value) for point in ends] == [(0, 1.0), (4 * 44_100, 0.5)]
    assert not any("automation other than" in note for note in notes)


def test_audio_on_the_track_of_the_master_is_heard_through_its_fader_once(read: Read) -> None:
    clip = lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>', "m")
    points = '<Points unit="linear"><Target parameter="mv"/><RealPoint time="0" value="0.25"/></Points>'
    volume = '<Volume id="mv" value="0.5" unit="linear"/>'
    for lanes, gain in ((clip, 0.5), (f"{clip}<Lanes>{points}</Lanes>", 0.25)):
        session, _ = read(project_of(lanes, structure=MASTER.format(volume)))
        assert [(one.gain, one.gain_points) for one in session.tracks] == [(1.0, ())]
        master = session.master
        assert master.gain * (master.gain_points[0].value if master.gain_points else 1.0) == pytest.approx(gain)


def test_a_master_above_the_top_of_the_fader_is_limited(read: Read) -> None:
    session, notes = read(project_of("", structure=track(1) + MASTER.format(fader(99.0))))
    assert session.master.gain == MAX_GAIN
    assert "levels above +24 dB are limited" in notes
