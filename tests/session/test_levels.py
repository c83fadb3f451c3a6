"""Decibels, fader taper, pan laws, and their text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from lincae_studio.session import levels


@pytest.mark.parametrize(
    ("level_db", "position"), [(levels.FADER_TOP_DB, 1.0), (0, 0.782), (-6, 0.607), (-20, 0.325), (-40, 0.121)]
)
def test_the_fader_taper_is_ardours(level_db: float, position: float) -> None:
    assert levels.gain_to_fader(levels.db_to_gain(level_db)) == pytest.approx(position, abs=6e-4)


def test_the_faders_ends_are_silence_and_its_top() -> None:
    assert levels.gain_to_fader(0.0) == 0.0
    assert levels.fader_to_gain(0.0) == 0.0
    assert levels.fader_to_gain(-0.1) == 0.0
    assert levels.fader_to_gain(1.0) == pytest.approx(2.0)
    assert levels.gain_to_fader(100.0) == 1.0
    assert levels.gain_to_fader(1e-30) == 0.0


@given(st.floats(0.001, 1.0))
def test_fader_positions_survive_the_round_trip(position: float) -> None:
    assert levels.gain_to_fader(levels.fader_to_gain(position)) == pytest.approx(position, rel=1e-9)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_higher_fader_is_never_quieter(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert levels.fader_to_gain(low) <= levels.fader_to_gain(high)


@given(st.floats(-99.9, 24.0))
def test_decibels_survive_the_round_trip(level_db: float) -> None:
    assert levels.gain_to_db(levels.db_to_gain(level_db)) == pytest.approx(level_db, abs=1e-9)


def test_silence_is_exact() -> None:
    assert levels.db_to_gain(-100.0) == 0.0
    assert levels.db_to_gain(-math.inf) == 0.0
    assert levels.gain_to_db(0.0) == -math.inf
    assert levels.db_to_gain(-99.0) > 0.0


def test_a_level_beyond_all_floats_is_infinite_not_a_crash() -> None:
    assert levels.db_to_gain(1e9) == math.inf
    assert levels.parse_db("99999") == math.inf


@pytest.mark.parametrize(
    ("gain", "text"),
    [(1.0, "0.0 dB"), (0.999, "0.0 dB"), (2.0, "+6.0 dB"), (0.5, "−6.0 dB"), (0.0, "−inf dB"), (1e-5, "−inf dB")],
)
def test_gains_are_written_for_people(gain: float, text: str) -> None:
    assert levels.format_db(gain) == text


@pytest.mark.parametrize(
    ("text", "gain"),
    [
        ("0", 1.0),
        ("-6", 10 ** (-6 / 20)),
        (" -6 dB ", 10 ** (-6 / 20)),
        ("-6db", 10 ** (-6 / 20)),
        ("+3,5", 10 ** (3.5 / 20)),
        ("\N{MINUS SIGN}6", 10 ** (-6 / 20)),
        ("-inf", 0.0),
        ("-∞ dB", 0.0),
        ("-200", 0.0),
    ],
)
def test_what_people_type_is_understood(text: str, gain: float) -> None:
    assert levels.parse_db(text) == pytest.approx(gain)


@pytest.mark.parametrize("text", ["", "dB", "loud", "1e999", "nan", "--3", "3 4"])
def test_text_that_is_not_a_level_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a level|could not convert"):
        levels.parse_db(text)


@given(st.floats(-60.0, 24.0))
def test_written_levels_are_read_back(level_db: float) -> None:
    text = levels.format_db(levels.db_to_gain(level_db))
    assert levels.gain_to_db(levels.parse_db(text)) == pytest.approx(level_db, abs=0.051)


def test_the_centre_leaves_every_source_as_it_is() -> None:
    assert levels.mono_pan(0.0) == (1.0, 1.0)
    assert levels.stereo_balance(0.0) == (1.0, 1.0)


def test_hard_sides_silence_the_other_exactly() -> None:
    assert levels.mono_pan(-1.0) == pytest.approx((math.sqrt(2.0), 0.0), abs=0.0)
    assert levels.mono_pan(1.0) == pytest.approx((0.0, math.sqrt(2.0)), abs=0.0)
    assert levels.stereo_balance(-1.0) == (1.0, 0.0)
    assert levels.stereo_balance(1.0) == (0.0, 1.0)


@given(st.floats(-1.0, 1.0))
def test_mono_pan_keeps_the_power_and_mirrors(pan: float) -> None:
    left, right = levels.mono_pan(pan)
    assert left**2 + right**2 == pytest.approx(2.0)
    assert levels.mono_pan(-pan) == pytest.approx((right, left), abs=1e-12)


@given(st.floats(-1.0, 1.0))
def test_balance_only_reduces_the_far_side(pan: float) -> None:
    left, right = levels.stereo_balance(pan)
    assert max(left, right) == 1.0
    assert min(left, right) == pytest.approx(1.0 - abs(pan))
    assert (left < 1.0) == (1.0 - pan < 1.0)
