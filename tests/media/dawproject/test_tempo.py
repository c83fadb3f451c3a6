"""Beats follow the tempo of the project, before clips and inside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lincae_studio.media.dawproject.tempo import TempoMap
from tests.media.dawproject.texts import RATE, Read, file_of, lane_of, placed, project_of, wav

LONG = {"audio/long.wav": wav(7, 20 * RATE)}

SECONDS = 'contentTimeUnit="seconds"'


def tempo_of(*points: tuple[float, float], line: bool = False, unit: str = "beats") -> str:
    kind = "linear" if line else "hold"
    text = "".join(f'<RealPoint time="{at}" value="{bpm}" interpolation="{kind}"/>' for at, bpm in points)
    return f'<TempoAutomation timeUnit="{unit}" unit="bpm">{text}</TempoAutomation>'


def clip_of(at: float, beats: float, attributes: str = SECONDS, content: str = "") -> str:
    inner = content or file_of("audio/long.wav")
    return f'<Clip time="{at}" duration="{beats}" {attributes}>{inner}</Clip>'


STEP = tempo_of((0, 120), (8, 60))


@pytest.mark.parametrize(
    ("tempo", "start", "length"),
    [
        (STEP, 12.0, 4.0),
        (tempo_of((0, 120), (4, 60), unit="seconds"), 12.0, 4.0),
        (tempo_of((0, 120), (16, 60), line=True), 16 * math.log(2), 4.0),
        (tempo_of((18, 60), (0, 60)), 16.0, 4.0),
        (tempo_of((0, 60), (18, 120)), 16.0, 3.0),
        # 16 beats are 16 s at 60 BPM on average, and the clip is at 90.
        (tempo_of((0, 30), (16, 90), line=True, unit="seconds"), 16.0, 4 * 60 / 90),
        (tempo_of((4, 60), (4, 120), line=True), 4.0 + 6.0, 2.0),
        (tempo_of((0, 120), (18, 30), line=True), 60 * 18 / 90 * math.log(120 / 40), None),
    ],
    ids=range(8),
)
def test_clips_are_where_the_beats_are(read: Read, tempo: str, start: float, length: float | None) -> None:
    session, notes = read(project_of(lane_of(clip_of(16, 4)), more=tempo), LONG)
    ((at, offset, samples),) = placed(session)
    assert (at, offset) == (round(start * RATE), 0)
    assert length is None or samples == round(length * RATE)
    assert any("the ruler shows" in note for note in notes) == (tempo != tempo_of((18, 60), (0, 60)))


def test_inside_clips_beats_are_those_of_the_arrangement(read: Read) -> None:
    """The tempo changes at beat 8, which is second 4: nested clips, loops, fades, markers, automation."""
    nested = f"<Clips>{clip_of(4, 4)}</Clips>"
    session, _ = read(project_of(lane_of(clip_of(4, 8, "", nested)), more=STEP), LONG)
    assert placed(session) == [(4 * RATE, 0, 4 * RATE)], "beats 8 to 12"
    session, _ = read(project_of(lane_of(clip_of(4, 8, 'playStart="2"', nested)), more=STEP), LONG)
    assert placed(session) == [(3 * RATE, 0, 3 * RATE)], "beats 6 to 10"
    looped = f"<Clips>{clip_of(0, 2)}</Clips>"
    session, _ = read(project_of(lane_of(clip_of(4, 6, 'loopStart="0" loopEnd="3"', looped)), more=STEP), LONG)
    assert placed(session) == [(2 * RATE, 0, RATE), (7 * RATE // 2, 0, 3 * RATE // 2)], "beats 4 to 6, 7 to 9"
    fades = f'{SECONDS} fadeInTime="2" fadeOutTime="2"'
    (clip,) = read(project_of(lane_of(clip_of(6, 8, fades)), more=STEP), LONG)[0].clips()
    assert (clip.fade_in, clip.fade_out) == (RATE, 2 * RATE)
    fades = f'{SECONDS} fadeInTime="-2"'
    session, _ = read(project_of(lane_of(clip_of(9, 4, fades + ' playStart="5"')), more=STEP), LONG)
    assert placed(session) == [(round(3.5 * RATE), round(3.5 * RATE), round(5.5 * RATE))]
    marker = '<Markers><Marker time="10" name="A"/></Markers>'
    assert read(project_of("", more=marker + STEP))[0].markers[0].at == 6 * RATE


def test_lines_over_beats_bend_with_the_tempo(read: Read) -> None:
    points = """<Points unit="normalized"><Target parameter="p1"/>
        <RealPoint time="0" value="0" interpolation="linear"/><RealPoint time="16" value="1"/></Points>"""
    (track,) = read(project_of(points, more=STEP))[0].tracks
    assert [(point.at, point.value) for point in track.pan_points] == [(0, -1.0), (4 * RATE, 0.0), (12 * RATE, 1.0)]


def test_audio_that_is_warped_to_a_changing_tempo(read: Read) -> None:
    warps = """<Warps contentTimeUnit="seconds" timeUnit="beats">{}<Warp time="0" contentTime="0"/>
        <Warp time="8" contentTime="{}"/></Warps>"""
    text = project_of(lane_of(clip_of(4, 8, "", warps.format(file_of("audio/long.wav"), 6))), more=STEP)
    session, notes = read(text, LONG)
    assert placed(session) == [(2 * RATE, 0, 6 * RATE)]
    assert any("not time-stretched" in note for note in notes), "its ends fit, but not what is between"
    text = project_of(lane_of(clip_of(8, 8, "", warps.format(file_of("audio/long.wav"), 8))), more=STEP)
    assert not any("time-stretched" in note for note in read(text, LONG)[1])


@given(
    points=st.lists(st.tuples(st.floats(0, 60), st.floats(20, 400), st.booleans()), min_size=1, max_size=6),
    in_beats=st.booleans(),
    at=st.floats(-20, 100),
)
def test_the_map_is_the_integral_of_the_tempo(
    points: list[tuple[float, float, bool]], in_beats: bool, at: float
) -> None:
    points.sort(key=lambda point: point[0])
    tempo = TempoMap(points, in_beats)
    assert tempo.seconds(0.0) == pytest.approx(0.0, abs=1e-9)
    assert tempo.beat(tempo.seconds(at)) == pytest.approx(at, abs=1e-6)
    times = [time for time, _, _ in points]

    def bpm(time: float) -> float:
        after = int(np.searchsorted(times, time, side="right"))
        if after in (0, len(points)):
            return points[max(0, after - 1)][1]
        (t0, b0, line), (t1, b1, _) = points[after - 1], points[after]
        return b0 + (b1 - b0) * (time - t0) / (t1 - t0) if line else b0

    knots = np.unique(np.concatenate([np.linspace(0, at, 400), [time for time in times if 0 < time < at]]))
    middles, widths = (knots[1:] + knots[:-1]) / 2, np.diff(knots)
    total = sum(
        width * (60 / bpm(middle) if in_beats else bpm(middle) / 60)
        for middle, width in zip(middles, widths, strict=True)
    )
    total = total if at >= 0 else -total
    assert (tempo.seconds if in_beats else tempo.beat)(at) == pytest.approx(total, rel=2e-2, abs=1e-6)
