"""Mixing stems as a reference is mixed: known gains and pans come back, as few points, and nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.engine.analysis.match_words import balances, match_notes, stem_line
from lincae_studio.engine.analysis.points import thinned
from lincae_studio.engine.analysis.reference_match import ReferenceMatch, match_reference, smooth_factors
from lincae_studio.engine.planning.factors import gain_envelope
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.balance import set_balance
from lincae_studio.session.levels import mono_pan, stereo_balance
from lincae_studio.session.model import Session
from tests.engine.analysis.test_checking import Array, late
from tests.engine.analysis.test_matching import music
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise

R = 44_100
SECONDS = 20


class Matched:
    """A reference and stems, matched."""

    def __init__(self, reference: Array, stems: Mapping[str, Array], smoothing_s: float = 0.2) -> None:
        audio, session = {}, edits.set_codec(Session(), "mdct-2x")
        for number, (name, samples) in enumerate([("reference", reference), *stems.items()]):
            samples = np.asarray(samples if samples.ndim == 2 else samples[:, None], np.float32)
            media = replace(made_up_media(number, len(samples), samples.shape[1]), path=f"/music/{name}.wav")
            audio[media.digest] = samples
            session = edits.add_stems(session, [media], 0)
        self.session, self.reader = session, MemoryAudio(audio)
        renderer = new_renderer(self.reader)
        self.reference, *ids = [track.id for track in session.tracks]
        info = registry.for_session("mdct-2x")
        self.match: ReferenceMatch = match_reference(
            session, self.reference, ids, info, self.reader, renderer.render_many, smoothing_s
        )
        self.decodes = renderer.counters.decodes
        self.id_of = {track.name: track.id for track in session.tracks}

    def gains(self, name: str, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        level = self.match.levels[self.id_of[name]]
        return level.gain * (gain_envelope(level.gain_points, positions) if level.gain_points else 1.0 + 0 * positions)

    def remixed(self) -> Session:
        return set_balance(self.session, self.reference, balances(self.match))


def song() -> dict[str, Array]:
    notes = {f"notes {seed}": music(seed, SECONDS * R) for seed in (1, 2, 3)}
    return {**notes, "hats": noise(9, SECONDS * R, level=0.05)[:, 0]}


def curve_db(rng: np.random.Generator, length: int) -> npt.NDArray[np.float64]:
    """A random smooth curve between -36 and 4 dB."""
    place = np.arange(length) / length
    curve = sum(rng.normal() * np.cos(2 * np.pi * (k * place + rng.uniform())) / np.sqrt(k) for k in range(1, 5))
    curve = np.asarray(curve)
    return -36.0 + 40.0 * (curve - curve.min()) / (curve.max() - curve.min())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_smooth_gains_come_back_within_half_a_decibel(seed: int) -> None:
    rng, stems = np.random.default_rng(seed), song()
    curves = {name: curve_db(rng, SECONDS * R) for name in stems}
    reference = sum(10.0 ** (curves[name] / 20.0) * stems[name] for name in stems)
    matched = Matched(np.asarray(reference), stems)
    assert matched.decodes == 0, "nothing is decoded until it is heard"
    positions = np.arange(0, SECONDS * R, 441.0)
    for name, audio in stems.items():
        found = 20.0 * np.log10(np.maximum(matched.gains(name, positions), 1e-4))
        wanted = curves[name][::441]
        power = np.convolve(np.square(audio), np.ones(4410) / 4410, "same")[::441]
        heard = 10.0 * np.log10(power + 1e-12) + wanted > -40.0
        assert np.sqrt(np.mean(np.square((found - wanted)[heard]))) < 0.5, name
        points = matched.match.levels[matched.id_of[name]].gain_points
        assert 2 <= len(points) <= SECONDS * 3, "of 10 blocks a second"


def test_constant_gains_become_faders_without_points() -> None:
    stems = song()
    matched = Matched(0.5 * stems["notes 1"] + 1.5 * stems["notes 2"] + 0.1 * stems["hats"], stems)
    levels = {name: matched.match.levels[matched.id_of[name]] for name in stems}
    assert all(level.gain_points == level.pan_points == () for level in levels.values())
    assert levels["notes 1"].gain == pytest.approx(0.5, rel=0.01)
    assert levels["notes 2"].gain == pytest.approx(1.5, rel=0.01)
    assert levels["hats"].gain == pytest.approx(0.1, rel=0.01)
    assert levels["notes 3"].gain == 0.0, "it is not in the reference"
    assert matched.match.residual_db < -50.0
    assert stem_line(levels["notes 1"]) == "−6.0 dB, pan C"


def test_pans_of_a_stereo_reference_come_back() -> None:
    stems = song()
    wide = np.stack([stems["notes 3"], stems["hats"]], axis=1)
    left, right = mono_pan(-0.6)
    wide_left, wide_right = stereo_balance(0.4)
    moving = np.linspace(-1.0, 1.0, SECONDS * R)
    moving_left, moving_right = np.cos((moving + 1) * np.pi / 4), np.sin((moving + 1) * np.pi / 4)
    reference = np.stack(
        [
            0.5 * left * stems["notes 1"] + np.sqrt(2) * moving_left * stems["notes 2"] + wide_left * wide[:, 0],
            0.5 * right * stems["notes 1"] + np.sqrt(2) * moving_right * stems["notes 2"] + wide_right * wide[:, 1],
        ],
        axis=1,
    )
    matched = Matched(reference, {"notes 1": stems["notes 1"], "notes 2": stems["notes 2"], "wide": wide})
    levels = {name: matched.match.levels[matched.id_of[name]] for name in ("notes 1", "notes 2", "wide")}
    assert levels["notes 1"].pan == pytest.approx(-0.6, abs=0.02)
    assert levels["notes 1"].gain == pytest.approx(0.5, rel=0.03)
    assert levels["wide"].pan == pytest.approx(0.4, abs=0.03)
    assert levels["notes 2"].pan_points, "it moves"
    heard = DryMix(matched.remixed(), matched.reader).read(0, SECONDS * R)
    error = heard - reference.T.astype(np.float32)
    assert 10 * np.log10(np.square(error).sum() / np.square(reference).sum()) < -25.0


def test_the_mix_sounds_like_the_reference_also_where_stems_were_late() -> None:
    stems = song()
    reference = 0.7 * stems["notes 1"] + stems["hats"]
    matched = Matched(reference, {"notes 1": late(stems["notes 1"], 300), "hats": stems["hats"]})
    assert matched.match.levels[matched.id_of["notes 1"]].lag == -300
    remixed = matched.remixed()
    assert remixed.tracks[0].mute, "the reference"
    heard = DryMix(remixed, matched.reader).read(0, SECONDS * R)[0]
    error = heard[1000:] - reference[1000:]
    assert 10 * np.log10(np.square(error).sum() / np.square(reference).sum()) < -30.0


def test_stems_that_cannot_be_told_apart_are_named_and_have_one_level() -> None:
    stems = song()
    reference = 0.6 * stems["notes 1"] + stems["hats"]
    half = 0.5 * stems["notes 1"]
    matched = Matched(reference, {"left": half, "right": half, "hats": stems["hats"], "empty": 0 * half})
    alike = tuple(matched.id_of[name] for name in ("left", "right"))
    assert matched.match.inseparable == (alike,)
    one, other = (matched.match.levels[track_id] for track_id in alike)
    assert one == other
    assert one.gain == pytest.approx(0.6, rel=0.01)
    names = {track_id: name for name, track_id in matched.id_of.items()}
    assert match_notes(matched.match, names.__getitem__) == [
        "“left” and “right” cannot be distinguished, and share one level",
        "“empty” is silent and stays as it is",
    ]


def test_a_reference_with_more_in_it_is_said_to_have_more() -> None:
    stems = song()
    matched = Matched(stems["notes 1"] + stems["notes 2"], {"notes 1": stems["notes 1"]})
    assert matched.match.levels[matched.id_of["notes 1"]].gain == pytest.approx(1.0, abs=0.1)
    [note] = match_notes(matched.match, str)
    assert "it contains more than these stems" in note


def test_more_smoothing_needs_fewer_points() -> None:
    stems = song()
    wobble = 1.0 + 0.3 * np.sin(2 * np.pi * np.arange(SECONDS * R) / R)
    counts = []
    for smoothing_s in (0.0, 3.0):
        matched = Matched(wobble * stems["hats"] + stems["notes 1"], stems, smoothing_s)
        counts.append(len(matched.match.levels[matched.id_of["hats"]].gain_points))
    assert counts[0] > 2 * counts[1]


def test_factors_are_never_negative_and_optimal() -> None:
    """Against the conditions of Karush, Kuhn and Tucker, for a target that needs negative factors in places."""
    rng = np.random.default_rng(4)
    stems = rng.normal(size=(40, 3, 50))
    wanted = np.sin(np.arange(40) / 4.0)[:, None] * np.array([1.0, -1.0, 0.5])
    target = np.einsum("ti,tin->tn", wanted, stems)
    rows = np.concatenate([target[:, None], stems], axis=1)
    blocks = rows @ rows.transpose(0, 2, 1)

    def cost(factors: npt.NDArray[np.float64]) -> float:
        return float(np.square(target - np.einsum("ti,tin->tn", factors, stems)).sum())

    found = smooth_factors(blocks, 0.0)
    assert found.min() >= 0.0
    for _ in range(200):
        other = np.maximum(found + rng.normal(scale=0.05, size=found.shape), 0.0)
        assert cost(other) >= cost(found) * (1.0 - 1e-4)


def test_what_cannot_be_matched_is_said() -> None:
    with pytest.raises(EditError, match="there are no stems"):
        Matched(noise(1, R)[:, 0], {})
    with pytest.raises(EditError, match="the reference is silent"):
        Matched(np.zeros(R, np.float32), {"hats": noise(1, R)[:, 0]})
    with pytest.raises(EditError, match="the stems are silent"):
        Matched(noise(1, R)[:, 0], {"hats": np.zeros(R, np.float32)})


def test_points_are_as_few_as_the_tolerance_allows() -> None:
    positions = np.arange(100.0)
    bent = np.abs(positions - 50.0)
    assert thinned(positions, bent, np.full(100, 0.1)) == [(0, 50.0), (50, 0.0), (99, 49.0)]
    assert thinned(positions, 0 * bent, np.full(100, 0.1)) == [(0, 0.0), (99, 0.0)]
    assert thinned(positions[:0], bent[:0], bent[:0]) == []
    curve = np.sin(positions / 9.0)
    points = thinned(positions, curve, np.full(100, 0.05))
    line = np.interp(positions, [at for at, _ in points], [value for _, value in points])
    assert np.abs(line - curve).max() <= 0.05
    assert len(points) < 20
