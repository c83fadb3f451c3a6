"""Rendering a mix on a cluster: equal to the export of one process to the bit, in order, with few chunks at a time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.datasets import cluster as module
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.engine.rendering.streams import rendered
from tests.codecs.lincae.models import tiny_model
from tests.datasets.clusters import Cluster, cluster_of, needs_ray
from tests.helpers import (
    MemoryAudio,
    eventually,
    made_up_media,
    new_renderer,
    noise,
    plan_of,
    read_audio,
    session_of,
    write_audio,
)


class Result:
    """What an actor will have made."""

    def __init__(self, make: Any, arguments: Any) -> None:
        self.make, self.arguments = make, arguments


class LateRay:
    """Stands in for Ray, to count what is under way: results are made when they are asked for."""

    def __init__(self) -> None:
        self.most = 0
        self.pending: list[Result] = []

    def get(self, result: Result) -> Any:
        self.pending.remove(result)
        return result.make(*result.arguments)

    def wait(self, results: Sequence[Any], **_: object) -> tuple[list[Any], list[Any]]:
        return [], list(results)


class Actor:
    """An actor of `LateRay`, and its method at the same time."""

    def __init__(self, ray: LateRay, worker: Any) -> None:
        self.render, self.ray, self.worker = self, ray, worker

    def remote(self, *arguments: Any) -> Result:
        result = Result(self.worker.render, arguments)
        self.ray.pending.append(result)
        self.ray.most = max(self.ray.most, len(self.ray.pending))
        return result


def pool_of(plan: Plan, audio: MemoryAudio, workers: int) -> tuple[module.Pool, LateRay]:
    """A pool whose workers are in this process."""
    ray = LateRay()
    worker = module._ChunkWorker.__new__(module._ChunkWorker)
    worker.problem, worker.codec = "", new_renderer(audio).codec(plan.audible[0].codec)
    pool = module.Pool.__new__(module.Pool)
    pool._ray, pool._reader, pool._cache, pool._batch = ray, audio, LatentCache(), 1
    pool._actors = [Actor(ray, worker) for _ in range(workers)]
    pool.encodes = pool.decodes = 0
    return pool, ray


@pytest.fixture(scope="module")
def song() -> tuple[Plan, MemoryAudio]:
    media = [made_up_media(number, 60 * 44_100, 1 + number % 2) for number in range(3)]
    return plan_of(session_of(*media), "mdct-4x"), MemoryAudio.of(*media)


def whole(plan: Plan, provide: Any, start: int = 0) -> Any:
    return np.concatenate(list(rendered(plan, provide).blocks(start, plan.length)), axis=1)


def test_few_chunks_are_under_way_and_come_in_order(song: tuple[Plan, MemoryAudio]) -> None:
    plan, audio = song
    assert len(plan.audible) > 25
    pool, ray = pool_of(plan, audio, 3)
    local = new_renderer(audio)
    np.testing.assert_array_equal(whole(plan, pool.provide(plan)), whole(plan, local.render))
    assert ray.most == 3 * 2
    assert (pool.encodes, pool.decodes) == (local.counters.encodes, local.counters.decodes)


def test_a_span_asks_for_its_own_chunks(song: tuple[Plan, MemoryAudio]) -> None:
    plan, audio = song
    pool, ray = pool_of(plan, audio, 1)
    start = 50 * 44_100
    found = whole(plan, pool.provide(plan), start)
    np.testing.assert_array_equal(found, whole(plan, new_renderer(audio).render, start))
    assert pool.decodes < 0.3 * 2 * len(plan.audible)
    assert not ray.pending


def test_what_is_known_goes_as_latents_and_the_rest_as_samples(song: tuple[Plan, MemoryAudio]) -> None:
    plan, audio = song
    pool, _ = pool_of(plan, audio, 1)
    chunk: Chunk = plan.audible[3]
    renderer: Renderer = new_renderer(audio)
    first = chunk.terms[0]
    pool._cache.put_many({first.key: renderer.latents([first], chunk)[0]}, on_disk=False)
    _, latents, samples = pool._request([chunk])
    assert list(latents) == [first.key]
    assert len(samples) == len({term.key for term in chunk.terms}) - 1
    [found] = pool.render([chunk])
    np.testing.assert_array_equal(found.audio, new_renderer(audio).render(chunk).audio)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers, whose own cache and codecs are empty."""
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINCAE_STUDIO_CACHE", str(folder / "cache"))
        patch.setenv("LINCAE_STUDIO_CODECS", str(folder / "codecs"))
        with cluster_of(2) as found:
            yield found


@needs_ray
@pytest.mark.process
@pytest.mark.slow
@pytest.mark.linux("/proc, signals")
def test_a_project_renders_to_the_same_file_while_workers_die(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINCAE_STUDIO_CODECS", str(tmp_path / "codecs"))
    pretrained.save_own(tiny_model(), tmp_path / "codecs" / "tiny", title="Tiny", linear=True)
    for number in range(2):
        write_audio(tmp_path / f"{number}.wav", noise(number, 3 * 44_100, 1 + number))
    song = ls.Session.from_files(tmp_path / "0.wav", tmp_path / "1.wav", codec="tiny").set_track("0", pan=-0.5)
    song.save(tmp_path / "song.lincae")
    arguments = ("render", str(tmp_path / "song.lincae"), "--bits", "32f", "--write", "mix,tracks")
    remote = cluster.command(*arguments, "-o", str(tmp_path / "there.wav"), "--cluster", cluster.address)
    eventually(lambda: remote.poll() is not None or len(cluster.workers()) == 2, 120.0)
    assert remote.poll() is None, remote.communicate()[1]
    os.kill(cluster.workers()[0], signal.SIGKILL)
    _, errors = remote.communicate(timeout=300)
    assert remote.returncode == 0, errors
    local = cluster.command(*arguments, "-o", str(tmp_path / "here.wav"))
    _, errors = local.communicate(timeout=300)
    assert local.returncode == 0, errors
    for name in ("", " - 1 0", " - 2 1"):
        here, there = (read_audio(tmp_path / f"{place}{name}.wav") for place in ("here", "there"))
        assert here.tobytes() == there.tobytes()
        assert np.abs(here).max() > 0.1
