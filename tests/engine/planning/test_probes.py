"""Chunks that tell of a mix: terms by themselves, and the same sum with other noise."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from lincae_studio.engine.planning.probes import term_alone, term_edited, with_seed
from lincae_studio.session import edits, regions
from lincae_studio.session.model import MASTER, Region, Session
from tests.helpers import MemoryAudio, made_up_media, new_renderer, plan_of, session_of


def song() -> Session:
    session = session_of(made_up_media(1, 200_000), made_up_media(2, 150_000, channels=2))
    return edits.set_track_gain(session, session.tracks[0].id, 0.25)


def test_decoded_terms_with_their_coefficients_are_the_mix_of_a_linear_codec() -> None:
    session = song()
    renderer = new_renderer(MemoryAudio.of(*session.media))
    for chunk in plan_of(session, "mdct-4x").audible:
        total = np.zeros_like(renderer.render(chunk).audio)
        for term in chunk.terms:
            alone = renderer.render(term_alone(term, chunk)).audio[0]
            total += np.array(term.coefficients, np.float32)[:, None] * alone
        np.testing.assert_allclose(total, renderer.render(chunk).audio, atol=1e-6)


def test_a_term_alone_does_not_depend_on_its_fader() -> None:
    session = song()
    louder = edits.set_track_gain(session, session.tracks[0].id, 1.0)
    [before], [after] = (
        {term_alone(term, plan.audible[0]).key for term in plan.audible[0].terms if term.source.media == digest}
        for plan, digest in ((plan_of(one, "mdct-4x"), session.media[0].digest) for one in (session, louder))
    )
    assert before == after


def test_another_seed_is_another_chunk_of_the_same_sum() -> None:
    chunk = plan_of(song(), "mdct-4x").audible[0]
    other = with_seed(chunk, 7)
    assert other.key != chunk.key
    assert (other.seed, other.terms, other.index) == (7, chunk.terms, chunk.index)


def test_a_term_with_its_regions_is_kept_apart_from_the_term_and_from_other_regions() -> None:
    session = song()
    [track, _] = session.tracks
    space = plan_of(session, "mdct-4x").codec.latent_space
    part = Region(id=1, start=0, end=150_000, low=3, high=40, space=space)
    keys = []
    for owner, region in ((0, None), (track.id, part), (track.id, replace(part, gain=0.5)), (MASTER, part)):
        edited = regions.add(session, owner, region) if region is not None else session
        chunk = plan_of(edited, "mdct-4x").audible[0]
        term = next(term for term in chunk.terms if term.source.media == session.media[0].digest)
        keys.append(term_edited(term, chunk).key)
        assert (keys[-1] == term_alone(term, chunk).key) == (region is None)
    assert len(set(keys[:3])) == 3
    assert keys[3] == keys[1], "it does the same to the term"
