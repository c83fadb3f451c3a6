"""Previews in the renderer: of what is encoded, and only while they take little of the time of a decode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.mdct import load_mdct_2x, load_mdct_4x
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.engine.rendering.cache import RenderCache
from lincae_studio.engine.rendering.previewing import Previews
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import CodecError
from tests.codecs.lincae.models import small_model
from tests.codecs.linear.models import install_preview_for
from tests.helpers import MemoryAudio, made_up_media, new_renderer, plan_of, session_of

MEDIA = made_up_media(1, 150_000)
LATENTS = np.ones((2, 128, 8), np.float32)


def test_they_stop_when_they_take_more_than_a_few_percent_of_a_decode() -> None:
    codec = load_mdct_2x()
    previews = Previews(lambda _: load_mdct_2x())
    for _ in range(2):
        assert previews.decode(codec, LATENTS) is not None
        assert previews.affordable == 8, "until it is known how long both take"
    previews.note_decode(codec, 1e6)
    assert previews.affordable == 16
    previews.note_decode(codec, 0.0)
    assert previews.affordable == 0
    assert previews.decode(codec, LATENTS) is None
    previews.note_decode(codec, 1e6)
    assert previews.decode(codec, LATENTS) is not None


def test_a_damaged_preview_is_reported_once_for_each_codec() -> None:
    def load(_: object) -> None:
        raise CodecError("damaged")

    problems: list[CodecError] = []
    previews = Previews(load, problems.append)
    codec = load_mdct_2x()
    assert not any(previews.has(codec) for _ in range(3))
    assert len(problems) == 1
    assert previews.decode(load_mdct_4x(), LATENTS) is None
    assert len(problems) == 2


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    plan = plan_of(session_of(MEDIA), str(tmp_path / "model"))
    install_preview_for(plan.codec, tmp_path / "preview")
    return plan


def test_a_chunk_is_previewed_once_its_latents_are_known_and_until_its_render_is(plan: Plan, cache_dir: Path) -> None:
    renderer = new_renderer(MemoryAudio.of(MEDIA))
    chunk = plan.audible[0]
    assert renderer.preview(chunk) is None
    mixed = renderer.render(latents_only(chunk)).latents
    found = renderer.preview(chunk)
    assert found is not None
    assert np.array_equal(found.latents, mixed)
    assert found.audio.shape == (1, plan.grid.window_samples)
    assert renderer.preview(latents_only(chunk)) is None
    renderer.renders = RenderCache(cache_dir)
    renderer.renders.put(chunk.key, found.latents, found.audio)
    renderer.renders.flush()
    assert renderer.preview(chunk) is None
    renderer.close()


def test_rendering_gives_the_preview_first_if_asked_and_the_same_render(plan: Plan) -> None:
    previews: list[Rendered] = []
    renderer = new_renderer(MemoryAudio.of(MEDIA))
    chunks = plan.audible[:2]
    renders = renderer.render_many(chunks, previews.append)
    assert [preview.key for preview in previews] == [chunk.key for chunk in chunks]
    preview = registry.preview_of(registry.load(plan.codec.id))
    assert preview is not None
    expected = preview.decode(renders[0].latents, first_frames=(0,), seed=0)
    assert np.array_equal(previews[0].audio, expected)
    plain = new_renderer(MemoryAudio.of(MEDIA)).render_many(chunks)
    assert all(np.array_equal(ours.audio, theirs.audio) for ours, theirs in zip(renders, plain, strict=True))
