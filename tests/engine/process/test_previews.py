"""Previews from a real engine: they come before the renders, and replace none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.linear.folder import WEIGHTS_NAME
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.engine.process.events import ChunkFailed, ChunkFinished, ChunkPreviewed, PreviewUnusable
from lincae_studio.engine.rendering.cache import RenderCache
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.store import MediaStore
from tests.codecs.lincae.models import small_model
from tests.codecs.linear.models import install_preview_for
from tests.engine.process.test_client import Engine, closing
from tests.helpers import import_audio, new_renderer, noise, plan_of, session_of

pytestmark = pytest.mark.linux("looks for processes as Linux names them")


@pytest.fixture
def engine(cache_dir: Path) -> Iterator[Engine]:
    with closing(Engine(cache_dir)) as engine:
        yield engine


@pytest.fixture
def plan(tmp_path: Path, store: MediaStore) -> Plan:
    """A few chunks of a stereo mix, for a Lin-CAE with random weights."""
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    media = import_audio(store, tmp_path / "song.wav", noise(3, 300_000, 2))
    return plan_of(session_of(media), str(tmp_path / "model"))


@pytest.fixture
def codec(plan: Plan) -> Codec:
    return registry.load(plan.codec.id)


def test_a_preview_comes_before_the_render_which_is_what_it_is_without(
    engine: Engine, plan: Plan, codec: Codec, store: MediaStore, cache_dir: Path, tmp_path: Path
) -> None:
    install_preview_for(codec.info, tmp_path / "preview")
    chunk = plan.audible[0]
    engine.client.request([chunk], previews=True)
    engine.client.start()
    engine.wait_for([chunk])
    kinds = [type(event) for event in engine.events if isinstance(event, ChunkPreviewed | ChunkFinished)]
    assert kinds == [ChunkPreviewed, ChunkFinished]
    heard, rendered = engine.of(ChunkPreviewed)[0].preview, engine.finished()[chunk.key].rendered
    preview = registry.preview_of(codec)
    assert preview is not None
    assert np.array_equal(heard.latents, rendered.latents)
    assert np.array_equal(heard.audio, preview.decode(rendered.latents, first_frames=(0, 0), seed=0))
    assert heard.audio.any()
    expected = new_renderer(StoreReader(store)).render(chunk)
    assert np.array_equal(rendered.audio, expected.audio)
    engine.client.close()  # finishes writing
    kept = RenderCache(cache_dir).get(chunk.key)
    assert kept is None or np.array_equal(kept[1], expected.audio)


def test_previews_of_waiting_chunks_come_before_the_first_decode(
    engine: Engine, plan: Plan, codec: Codec, cache_dir: Path, tmp_path: Path
) -> None:
    """Their latents are known, as after the move of a fader; behind the playhead as well."""
    install_preview_for(codec.info, tmp_path / "preview")
    probes = [latents_only(chunk) for chunk in plan.audible]
    engine.client.request(probes, "analysis")
    engine.client.start()
    engine.wait_for(probes)
    engine.client.close()
    with closing(Engine(cache_dir)) as another:
        another.client.set_playhead(2 * plan.grid.step_samples)
        another.client.request(plan.audible, previews=True)
        another.client.start()
        another.wait_for(plan.audible)
    before = another.events[: another.events.index(another.of(ChunkFinished)[0])]
    keys = [event.preview.key for event in before if isinstance(event, ChunkPreviewed)]
    order = sorted(plan.audible, key=lambda chunk: (chunk.index < 2, abs(chunk.index - 2)))
    assert keys == [chunk.key for chunk in order]
    assert len(keys) > 3
    assert len(another.of(ChunkPreviewed)) == len(keys), "each comes once"


def test_a_preview_of_other_weights_is_not_used(engine: Engine, plan: Plan, codec: Codec, tmp_path: Path) -> None:
    install_preview_for(replace(codec.info, space="other weights"), tmp_path / "preview")
    engine.client.request(plan.audible[:2], previews=True)
    engine.client.start()
    engine.wait_for(plan.audible[:2])
    assert engine.of(ChunkPreviewed) == engine.of(PreviewUnusable) == []


def test_a_damaged_preview_is_reported_once_and_chunks_are_rendered_without(
    engine: Engine, plan: Plan, codec: Codec, tmp_path: Path
) -> None:
    weights = install_preview_for(codec.info, tmp_path / "preview") / WEIGHTS_NAME
    weights.write_bytes(weights.read_bytes()[:-8])
    engine.client.request(plan.audible[:2], previews=True)
    engine.client.start()
    engine.wait_for(plan.audible[:2])
    (event,) = engine.of(PreviewUnusable)
    assert "model.safetensors is damaged" in event.problem
    assert event.remedy == "Train it again with lincae-studio distill"
    assert engine.of(ChunkPreviewed) == engine.of(ChunkFailed) == []


def test_exports_and_analysis_get_no_previews(engine: Engine, plan: Plan, codec: Codec, tmp_path: Path) -> None:
    install_preview_for(codec.info, tmp_path / "preview")
    engine.client.request((), previews=True)
    engine.client.request(plan.audible[:1], "export")
    engine.client.request(plan.audible[1:2], "analysis")
    engine.client.start()
    engine.wait_for(plan.audible[:2])
    assert engine.of(ChunkPreviewed) == []
