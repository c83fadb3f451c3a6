"""Numbers of programs that write them as their country does, or wrong."""

from __future__ import annotations

import pytest

from lincae_studio.session.model import Point, Tempo
from tests.media.dawproject.texts import RATE, Read, channel, file_of, lane_of, only, placed, project_of


def test_decimal_commas_are_read(read: Read) -> None:
    warps = f'<Warps contentTimeUnit="seconds">{file_of()}<Warp time="0,0" contentTime="0,25"/></Warps>'
    points = '<Points><Target parameter="v1"/><RealPoint time="1,5" value=" 2,5e-1 "/></Points>'
    session, notes = read(
        project_of(
            lane_of(f'<Clip time="3,5" duration="2,0" fadeInTime=",5">{warps}</Clip>') + points,
            structure=f'<Track contentType="audio" id="t1">{channel(1, volume="0,5")}</Track>',
            transport='<Tempo unit="bpm" value="120,000000"/>',
            more='<Markers><Marker time="2,5" name="A"/></Markers>',
        )
    )
    assert placed(session) == [(7 * RATE // 4, RATE // 4, RATE)]
    assert only(session).fade_in == RATE // 4
    assert (session.tracks[0].gain, session.tracks[0].gain_points) == (0.5, (Point(3 * RATE // 4, 0.5),))
    assert (session.tempo, session.markers[0].at) == (Tempo(bpm=120.0), 5 * RATE // 4)
    assert notes == []


@pytest.mark.parametrize("text", ["1.234,5", "half", "", "nan", "1,5,2", "0.5 dB"])
def test_unreadable_numbers_are_counted_once(read: Read, text: str) -> None:
    clips = f'<Clip time="0" duration="1">{file_of()}</Clip><Clip time="{text}" duration="1">{file_of()}</Clip>'
    structure = f'<Track contentType="audio" id="t1">{channel(1, volume=text)}</Track>'
    _, notes = read(project_of(lane_of(clips), structure=structure))
    assert notes == [f"2 numbers not readable and left out, such as “{text}”"]
