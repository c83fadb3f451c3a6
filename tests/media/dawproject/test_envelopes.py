"""Automation sounds the same here and there, whatever its lines are straight in; and so do automated mutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.engine.planning.factors import Curve, gain_envelope
from lincae_studio.media.dawproject.envelopes import amplitude_lines, decibel_lines
from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media, Point, Track
from tests.helpers import session_of
from tests.media.dawproject.schema import document
from tests.media.dawproject.texts import RATE, Read, channel, project_of

POSITIONS = np.arange(0.0, 4 * RATE, 7)


def in_db(levels: Curve) -> Curve:
    return 20.0 * np.log10(np.maximum(levels, 1e-9))


def off(found: Curve, wanted: Curve, above: float = -40.0) -> float:
    """How far levels are from others, in dB, where either is loud enough to matter."""
    loud = np.maximum(in_db(found), in_db(wanted)) > above
    return float(np.abs(in_db(found) - in_db(wanted))[loud].max(initial=0.0))


def heard(track: Track, positions: Curve = POSITIONS) -> Curve:
    return track.gain * gain_envelope(track.gain_points, positions)


def volume_of(points: str, unit: str = "linear") -> str:
    return f'<Points unit="{unit}" timeUnit="seconds"><Target parameter="v1"/>{points}</Points>'


def line_of(*points: tuple[float, float]) -> str:
    return "".join(f'<RealPoint time="{at}" value="{value}" interpolation="linear"/>' for at, value in points)


@pytest.mark.parametrize("ends", [(1.0, 0.0), (0.0, 1.0), (1.0, 0.01), (0.001, 2.0), (0.25, 0.5), (0.5, 0.5), (2, 0)])
@pytest.mark.parametrize("unit", ["linear", "normalized", "percent"])
@pytest.mark.parametrize("fader", ["1.0", "0.5"])
def test_lines_of_amplitude(read: Read, ends: tuple[float, float], unit: str, fader: str) -> None:
    scale = {"linear": 1.0, "normalized": 0.5, "percent": 100.0}[unit]
    text = volume_of(line_of((0, scale * ends[0]), (3, scale * ends[1])), unit)
    structure = f'<Track contentType="audio" id="t1">{channel(1, volume=fader)}</Track>'
    session, notes = read(project_of(text, structure=structure))
    (track,) = session.tracks
    assert off(heard(track), np.interp(POSITIONS / RATE, (0, 3), ends)) < 0.5
    assert len(track.gain_points) < 40
    assert any("points are added" in note for note in notes) == (len(track.gain_points) > 2)


@pytest.mark.parametrize("length", [1, 2, 3, 10, 50, 100, 300, 1999, 2001])
def test_short_lines_of_amplitude(length: int) -> None:
    positions = np.arange(length + 1.0)
    for ends in ((1.0, 0.0), (0.0, 1.0), (1.0, 0.02)):
        drawn = decibel_lines((Point(0, ends[0]), Point(length, ends[1])), in_db=False)
        assert off(gain_envelope(drawn, positions), np.interp(positions, (0, length), ends)) < 0.5


def test_lines_in_decibels_stay_lines_to_below_silence(read: Read) -> None:
    (track,) = read(project_of(volume_of(line_of((0, 0), (2, -30)), "decibel")))[0].tracks
    assert len(track.gain_points) == 2
    (track,) = read(project_of(volume_of(line_of((0, 0), (3, -120)), "decibel")))[0].tracks
    assert off(heard(track), 10 ** (np.interp(POSITIONS / RATE, (0, 3), (0, -120)) / 20)) < 0.5
    decibels = channel(1).replace('max="2.000000" min="0.000000" unit="linear" value="1.0"', "{}")
    parameter = 'min="-60" max="0" unit="decibel" value="0"'
    structure = f'<Track contentType="audio" id="t1">{decibels.format(parameter)}</Track>'
    (track,) = read(project_of(volume_of(line_of((0, 1), (3, 0.5)), "normalized"), structure=structure))[0].tracks
    assert off(heard(track), 10 ** (np.interp(POSITIONS / RATE, (0, 3), (0, -30)) / 20)) < 0.01


levels = st.one_of(st.sampled_from([0.0, 1.0, 1e-4]), st.floats(0.0, 2.0))


@given(st.lists(st.tuples(st.integers(1, 30_000), levels), min_size=1, max_size=5))
def test_exported_lines(steps: list[tuple[int, float]]) -> None:
    ats = np.cumsum([wide for wide, _ in steps])
    points = tuple(Point(int(at), level) for at, (_, level) in zip(ats, steps, strict=True))
    positions = np.arange(ats[0], ats[-1] + 1.0)
    lines = amplitude_lines(points)
    assert [point for point in lines if point in points] == list(points)
    there = np.interp(positions, [point.at for point in lines], [point.value for point in lines])
    assert off(there, gain_envelope(points, positions)) < 0.5


def test_envelopes_are_written_with_their_points(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    session = session_of(media[0])
    points = (Point(0, 1.0), Point(2 * RATE, 0.0))
    track = replace(session.tracks[0], gain=0.5, gain_points=points)
    write_dawproject(replace(session, tracks=(track,)), store, tmp_path / "a.dawproject", "")
    found = list(document(tmp_path / "a.dawproject").iter("RealPoint"))
    times, values = ([float(point.attrib[name]) for point in found] for name in ("time", "value"))
    assert off(np.interp(POSITIONS / RATE, times, values), heard(track)) < 0.5


def mutes_of(*points: tuple[float, str], kind: str = "Bool") -> str:
    text = "".join(f'<{kind}Point time="{at}" value="{value}"/>' for at, value in points)
    return f'<Points timeUnit="seconds"><Target parameter="mute"/>{text}</Points>'


STRIP = '<Track contentType="audio" id="t1">{}</Track>'.format(channel(1, '<Mute value="{}" id="mute"/>', volume="0.5"))


@pytest.mark.parametrize(("kind", "on", "off"), [("Bool", "true", "false"), ("Real", "1", "0,0")])
def test_automated_mutes_are_silence(read: Read, kind: str, on: str, off: str) -> None:
    mutes = mutes_of((1, on), (2, off), (3, on), kind=kind)
    session, notes = read(project_of(mutes, structure=STRIP.format("true")))
    (track,) = session.tracks
    assert not track.mute, "the automation replaces it"
    at = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.5]) * RATE
    assert heard(track, at) == pytest.approx([0, 0, 0, 0.5, 0.5, 0])
    assert any("mute" in note for note in notes)
    mutes = mutes_of((0, off), (1, on), (2, off), kind=kind)
    fade = volume_of(line_of((0, 1), (4, 0)))
    (track,) = read(project_of(mutes + fade, structure=STRIP.format("false")))[0].tracks
    assert heard(track, at)[[0, 1, 2]] == pytest.approx([0.875, 0, 0], rel=0.05)
    assert heard(track, at)[[3, 4, 5]] == pytest.approx([0.5, 0.375, 0.125], rel=0.05)


def test_mutes_that_never_change(read: Read) -> None:
    for static, always in (("false", "true"), ("true", "false")):
        (track,) = read(project_of(mutes_of((0, always), (1, always)), structure=STRIP.format(static)))[0].tracks
        assert (track.mute, track.gain_points) == (always == "true", ())


def test_automation_of_buses_is_noted(read: Read) -> None:
    sub = '<Channel role="submix" id="sub"><Mute id="m2" value="false"/></Channel>'
    bus = f'<Track contentType="audio" id="b">{sub}</Track>'
    structure = STRIP.format("false").replace("<Channel ", '<Channel destination="sub" ') + bus
    _, notes = read(project_of(mutes_of((1, "true")).replace("mute", "m2"), structure=structure))
    assert any("automation other than" in note for note in notes)
