"""Partial sums: equal bits whatever came before, and only what changed is requested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.contributions import Coefficient, Term
from lincae_studio.engine.planning.masks import Mask
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.engine.rendering.sums import ChunkSums
from tests.helpers import made_up_media, noise, plan_of, session_of

ORIGIN = noise(99, 4, 6)
_SOURCE = plan_of(session_of(made_up_media(1, 60_000)), "mdct-2x").audible[0].terms[0].source


def term(number: int, *coefficients: Coefficient) -> Term:
    return Term(f"{number * 37 % 256:02x}", _SOURCE, coefficients)


def latents_of(terms: Sequence[Term]) -> list[Array]:
    return [noise(int(term.key, 16), 4, 6) for term in terms]


def plain(terms: Sequence[Term]) -> Array:
    return combine(latents_of(terms), [term.coefficients for term in terms], ORIGIN)


def sorted_terms(gains: Sequence[float]) -> list[Term]:
    return sorted((term(number, gain, -gain) for number, gain in enumerate(gains)), key=lambda term: term.key)


gains = st.lists(st.floats(-2.0, 2.0, width=32), min_size=1, max_size=40)


@given(st.lists(gains, min_size=1, max_size=4))
@settings(max_examples=40)
def test_a_sum_depends_on_its_terms_alone(history: list[list[float]]) -> None:
    sums = ChunkSums()
    for step in history:
        terms = sorted_terms(step)
        total = sums.total(terms, latents_of, ORIGIN)
        assert np.array_equal(total, ChunkSums().total(terms, latents_of, ORIGIN))
        assert np.abs(total - plain(terms)).max() < 1e-4


def test_a_changed_gain_asks_for_its_group_only() -> None:
    sums = ChunkSums()
    asked: list[int] = []

    def counting(terms: Sequence[Term]) -> list[Array]:
        asked.append(len(terms))
        return latents_of(terms)

    before = [1.0] * 64
    sums.total(sorted_terms(before), counting, ORIGIN)
    sums.total(sorted_terms([0.5, *before[1:]]), counting, ORIGIN)
    assert asked[0] == 64
    assert asked[1] < 8
    sums.total(sorted_terms(before), counting, ORIGIN)  # undone
    assert len(asked) == 2


def test_a_sum_with_other_masks_is_another_sum() -> None:
    sums = ChunkSums()
    terms = [Term("00", _SOURCE, (1.0,)), Term("01", _SOURCE, (1.0,))]
    masked = [terms[0], replace(terms[1], masks=(Mask(-1.0, 0, 1),))]
    sums.total(terms, latents_of, ORIGIN)
    muted = sums.total(masked, latents_of, ORIGIN)
    assert np.array_equal(muted, ChunkSums().total(masked, latents_of, ORIGIN))


def test_memory_is_bounded() -> None:
    sums = ChunkSums(memory_bytes=10 * ORIGIN.nbytes)
    for number in range(50):
        terms = sorted_terms([float(number)] * 64)
        assert np.abs(sums.total(terms, latents_of, ORIGIN) - plain(terms)).max() < 1e-2
        assert sum(array.nbytes for array in sums._kept.values()) <= 10 * ORIGIN.nbytes


def test_coefficients_may_follow_the_frames() -> None:
    terms = [term(1, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)), term(2, 1.0)]
    terms.sort(key=lambda term: term.key)
    assert np.abs(ChunkSums().total(terms, latents_of, ORIGIN) - plain(terms)).max() < 1e-6
