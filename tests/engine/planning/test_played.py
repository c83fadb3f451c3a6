"""Arithmetic on channels is a coefficient: nothing is encoded, and the mix is that of the processed samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.planning.played import played
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, processing
from lincae_studio.session.derived import derived
from lincae_studio.session.model import Media, Session
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Stretch
from tests.helpers import import_audio, noise

INFO = registry.info("mdct-2x")

CHAINS: list[tuple[Process, ...]] = [
    (Invert(),),
    (Channels("swap"),),
    (Channels("left"),),
    (Channels("right"), Invert()),
    (Channels("mono"),),
    (Channels("swap"), Channels("side")),
    (Reverse(), Channels("side")),
    (Channels("side"), Reverse()),
    (Invert(), RemoveDC(), Channels("swap"), Reverse()),
    (Invert(), Stretch(1.25), Channels("swap")),
]


@pytest.fixture
def file(store: MediaStore, tmp_path: Path) -> Media:
    return import_audio(store, tmp_path / "a.wav", noise(1, 100_000, 2))


def session_of(file: Media, chain: tuple[Process, ...]) -> Session:
    session = edits.add_stems(Session(), [file], 500)
    clip = session.tracks[0].clips[0]
    session = edits.trim_clip(session, clip.id, 1500, 90_000)
    session = processing.set_chains(session, {clip.id: chain})
    return edits.set_track_pan(session, session.tracks[0].id, 0.25)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(type(one).__name__ for one in chain))
def test_the_dry_mix_is_that_of_the_processed_samples(
    store: MediaStore, file: Media, chain: tuple[Process, ...]
) -> None:
    session = session_of(file, chain)
    media = session.media[-1]
    store.ensure(media)
    store.ensure(played(media)[0])
    plain = Session(
        **{name: getattr(session, name) for name in session.__struct_fields__ if name != "media"},
        media=(
            *session.media[:-1],
            Media(**{name: getattr(media, name) for name in media.__struct_fields__ if name != "derived"}),
        ),
    )
    reader = StoreReader(store)
    found, expected = (DryMix(one, reader).read(0, 90_000) for one in (session, plain))
    assert np.abs(expected).max() > 0.01
    assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("chain", CHAINS[:6], ids=lambda chain: "-".join(type(one).__name__ for one in chain))
def test_nothing_is_encoded_for_arithmetic(file: Media, chain: tuple[Process, ...]) -> None:
    keys = [
        {term.key for chunk in make_plan(session_of(file, one), INFO).audible for term in chunk.terms}
        for one in ((), chain)
    ]
    assert keys[1] <= keys[0]


def test_what_is_encoded_is_what_precedes_the_arithmetic(file: Media) -> None:
    assert played(file) == (file, None)
    turned = derived(file, (Reverse(),))
    assert played(turned) == (turned, None)
    assert played(derived(file, (Channels("left"), Reverse(), Invert()))) == (turned, ((-1.0, 0.0),))
    kept = derived(file, (Channels("left"), Stretch(2.0)))
    assert played(derived(kept.source, (*kept.chain, Invert()))) == (kept, ((-1.0,),))
