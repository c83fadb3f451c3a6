"""Codecs whose frames depend on their neighbours: no chunk shows, plays or keeps what its window's ends get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.decode import decode_media
from lincae_studio.engine.bundles.latent_files import decoded, latents_of, load_latents, save_latents
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, bundles_dir
from lincae_studio.engine.bundles.writer import open_bundle, write_bundle
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Session
from lincae_studio.ui.views.sources import own_frames
from tests.engine.wide import CONTEXT, INFO, WideCodec, added
from tests.helpers import files_below, import_audio, new_renderer, noise, plan_of, render_plan, session_of

LENGTH = 60_000


@pytest.fixture(autouse=True)
def wide() -> Iterator[None]:
    with added():
        yield


@pytest.fixture
def audio(tmp_path: Path) -> Array:
    return noise(3, LENGTH)


@pytest.fixture
def session(store: MediaStore, tmp_path: Path, audio: Array) -> Session:
    return session_of(import_audio(store, tmp_path / "a.wav", audio), codec="wide", start=1000)


def whole(audio: Array) -> tuple[Array, Array]:
    """Latents `(D, T)` and audio `(N,)` of a session, computed in one window; frame and sample 0 are the timeline's."""
    lead = 8
    frames = 2 * INFO.chunk_frames + -(-(LENGTH + 1000) // INFO.hop)
    window = np.zeros((1, INFO.window_samples(frames)), np.float32)
    window[0, lead * INFO.hop + 1000 :][:LENGTH] = audio[:, 0]
    codec = WideCodec()
    latents = codec.encode(window)
    return latents[0, :, lead:], codec.decode(latents)[0, lead * INFO.hop :]


def test_chunks_agree_with_the_whole(session: Session, store: MediaStore, audio: Array) -> None:
    latents, expected = whole(audio)
    plan, renderer = plan_of(session, "wide"), new_renderer(StoreReader(store))
    np.testing.assert_allclose(render_plan(plan, renderer)[0], expected[: plan.length], atol=1e-5)
    grid = plan.grid
    for chunk, rendered in zip(plan.audible, renderer.render_many(plan.audible), strict=True):
        own = slice(chunk.index * grid.step, (chunk.index + 1) * grid.step)
        np.testing.assert_allclose(own_frames(rendered.latents, grid), latents[:, own], atol=1e-5)


def test_without_a_context_they_would_not(session: Session, store: MediaStore, audio: Array) -> None:
    _, expected = whole(audio)
    careless = replace(INFO, context=0, overlap_frames=2)
    plan = make_plan(session, careless)
    renderer = new_renderer(StoreReader(store), load=lambda *_: WideCodec(careless))
    assert np.abs(render_plan(plan, renderer)[0] - expected[: plan.length]).max() > 0.1


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_files_of_latents_carry_the_context(
    session: Session, store: MediaStore, tmp_path: Path, audio: Array, kind: str
) -> None:
    plan = plan_of(session, "wide")
    save_latents(latents_of(plan, 0, plan.length, new_renderer(StoreReader(store)).render_many), tmp_path / f"a.{kind}")
    content = load_latents(tmp_path / f"a.{kind}")
    assert content.header.context == CONTEXT
    heard = np.concatenate(list(decoded(content, WideCodec()).blocks(0, plan.length)), axis=1)
    np.testing.assert_allclose(heard[0], whole(audio)[1][: plan.length], atol=1e-5)


def test_files_from_before_there_was_a_context_open(session: Session, store: MediaStore, tmp_path: Path) -> None:
    plan = plan_of(replace(session, codec="mdct-2x"), "mdct-2x")
    path = tmp_path / "a.safetensors"
    save_latents(latents_of(plan, 0, plan.length, new_renderer(StoreReader(store)).render_many), path)
    with safe_open(path, framework="numpy") as file:
        header = msgspec.json.decode(file.metadata()["header"])
    assert header["edge"] == 256
    assert header.pop("context") == 0
    save_file(load_file(path), path, {"header": msgspec.json.encode(header).decode()})
    assert load_latents(path).header.grid == plan.grid


def test_a_bundle_is_decoded_without_the_ends_of_its_windows(
    session: Session, store: MediaStore, tmp_path: Path, audio: Array
) -> None:
    renderer = new_renderer(StoreReader(store))
    write_bundle(session, INFO, renderer.render_many, tmp_path / "song.lincaez")
    bundles, elsewhere = bundles_dir(tmp_path / "elsewhere"), MediaStore(tmp_path / "elsewhere")
    [media] = open_bundle(tmp_path / "song.lincaez", BundleStore(bundles)).media
    [latents] = map(BundledLatents, files_below(bundles))
    assert latents.header.context == CONTEXT
    cache = LatentCache(None)
    cache.attach([latents])
    renderer = new_renderer(StoreReader(elsewhere), cache)
    decode_media(media, latents, 0, renderer.render_many, elsewhere, Computation())
    heard = StoreReader(elsewhere).read(media.digest, 0, 0, LENGTH)
    np.testing.assert_allclose(heard, whole(audio)[1][1000 : 1000 + LENGTH], atol=2e-3)


def test_chunks_of_a_fixed_length_keep_it() -> None:
    fixed = replace(INFO, fixed_window=True)
    assert Grid.chosen(INFO, 60, 9).frames == 60
    assert Grid.chosen(fixed, 60, 9) == Grid.of(fixed)
    assert "always have 40 frames" in Grid.of(fixed, 60, 9).problem(fixed)
    assert Grid.chosen(fixed, 40, 9).overlap == 9
