"""The latent cache: errors in it cost speed, never a result."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs.base import Array, Codec
from lincae_studio.codecs.mdct import MDCT_2X, MdctCodec
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache, latent_database, render_database
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise, plan_of, render_plan, session_of


def latents(seed: int, frames: int = 10) -> Array:
    return noise(seed, 8, frames)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def database(folder: Path) -> Path:
    return latent_database(folder)


def found(cache: LatentCache, *keys: str) -> set[str]:
    return set(cache.get_many(keys))


@pytest.mark.parametrize("on_disk", [False, True])
def test_stored_arrays_are_found(folder: Path, on_disk: bool) -> None:
    cache = LatentCache(folder if on_disk else None)
    cache.put_many({"a": latents(1), "b": latents(2, 5)})
    got = cache.get_many(["a", "b", "a", "c"])
    assert np.array_equal(got["a"], latents(1))
    assert np.array_equal(got["b"], latents(2, 5))
    assert got.keys() == {"a", "b"}
    cache.close()


def test_the_disk_remembers_what_the_memory_forgets(folder: Path) -> None:
    cache = LatentCache(folder)
    cache.put_many({"a": latents(1)})
    cache.close()
    again = LatentCache(folder)
    got = again.get_many(["a"])["a"]
    assert np.array_equal(got, latents(1))
    assert got.dtype == np.float32
    again.close()


def test_memory_is_bounded_and_keeps_the_most_recently_used() -> None:
    size = latents(0).nbytes
    cache = LatentCache(memory_bytes=3 * size)
    for number in range(3):
        cache.put_many({str(number): latents(number)})
    cache.get_many(["0"])
    cache.put_many({"3": latents(3)})
    assert found(cache, "0", "1", "2", "3") == {"0", "2", "3"}


def test_an_item_larger_than_the_memory_is_kept_alone() -> None:
    cache = LatentCache(memory_bytes=10)
    cache.put_many({"a": latents(1), "b": latents(2)})
    assert found(cache, "a", "b") == {"b"}


def test_the_disk_is_bounded(folder: Path) -> None:
    size = latents(0).nbytes
    cache = LatentCache(folder, memory_bytes=1, disk_bytes=10 * size)
    for number in range(30):
        cache.put_many({str(number): latents(number)})
    cache.close()
    fresh = LatentCache(folder)
    kept = found(fresh, *(str(number) for number in range(30)))
    assert 5 <= len(kept) <= 10
    assert kept == {str(number) for number in range(30 - len(kept), 30)}
    fresh.close()


def test_limits_may_change_while_it_is_open(folder: Path) -> None:
    size = latents(0).nbytes
    cache = LatentCache(folder)
    cache.put_many({str(number): latents(number) for number in range(30)})
    cache.flush()
    cache.set_limits(2 * size, 10 * size)
    cache.put_many({"30": latents(30)})
    cache.flush()
    assert len(cache._memory) <= 2
    cache.close()
    fresh = LatentCache(folder)
    assert 5 <= len(found(fresh, *(str(number) for number in range(31)))) <= 10
    fresh.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE arrays SET data = zeroblob(length(data)) WHERE key = 'a'",
        "UPDATE arrays SET data = substr(data, 1, 100) WHERE key = 'a'",
        "UPDATE arrays SET shape = '8,11' WHERE key = 'a'",
        "UPDATE arrays SET crc = crc + 1 WHERE key = 'a'",
        "UPDATE arrays SET shape = 'many' WHERE key = 'a'",
        "UPDATE arrays SET data = 5 WHERE key = 'a'",
    ],
)
def test_a_damaged_row_is_a_miss_and_is_replaced(folder: Path, damage: str) -> None:
    cache = LatentCache(folder)
    cache.put_many({"a": latents(1), "b": latents(2)})
    cache.close()
    connection = sqlite3.connect(database(folder))
    connection.execute(damage)
    connection.commit()
    connection.close()
    again = LatentCache(folder)
    assert found(again, "a", "b") == {"b"}
    again.put_many({"a": latents(1)})
    again.close()
    third = LatentCache(folder)
    assert np.array_equal(third.get_many(["a"])["a"], latents(1))
    third.close()


def test_a_file_that_is_not_a_database_is_recreated(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    LatentCache(folder).close()
    path = database(folder)
    path.write_bytes(b"this is not a database at all" * 1000)
    with caplog.at_level(logging.WARNING):
        cache = LatentCache(folder)
    assert "damaged and will be recreated" in caplog.text
    cache.put_many({"a": latents(1)})
    cache.close()
    again = LatentCache(folder)
    assert found(again, "a") == {"a"}
    again.close()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_database_that_was_cut_costs_no_result(folder: Path, share: float) -> None:
    cache = LatentCache(folder)
    cache.put_many({str(number): latents(number, 200) for number in range(50)})
    cache.close()
    path = database(folder)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    damaged = LatentCache(folder)
    for number, got in damaged.get_many([str(number) for number in range(50)]).items():
        assert np.array_equal(got, latents(int(number), 200))
    damaged.put_many({"new": latents(1)})
    assert found(damaged, "new") == {"new"}
    damaged.close()


def test_damage_found_while_reading_is_gone_at_the_next_start(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the index of keys, at which opening does not look."""
    keys = [str(number) for number in range(200)]
    cache = LatentCache(folder)
    cache.put_many({key: latents(int(key), 200) for key in keys})
    cache.close()
    path = database(folder)
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex%'").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * page_bytes)
        file.write(b"\xff" * page_bytes)
    damaged = LatentCache(folder)
    assert "damaged" not in caplog.text
    assert found(damaged, *keys) == set()
    assert "cannot be read and is disabled" in caplog.text
    damaged.close()
    again = LatentCache(folder)
    again.put_many({"new": latents(1)})
    again.close()
    third = LatentCache(folder)
    assert found(third, "new") == {"new"}
    third.close()


def test_two_caches_share_one_folder(folder: Path) -> None:
    one, other = LatentCache(folder), LatentCache(folder)
    one.put_many({"a": latents(1)})
    other.put_many({"b": latents(2)})
    one.put_many({"b": latents(2)})
    one.flush()
    other.flush()
    assert found(one, "a", "b") == {"a", "b"}
    assert found(other, "a", "b") == {"a", "b"}
    one.close()
    other.put_many({"c": latents(3)})
    other.close()


@pytest.mark.parametrize("name", ["file/cache", "a\0b"])
def test_a_folder_that_cannot_be_made_leaves_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        cache = LatentCache(tmp_path / name)
    assert caplog.text.count("no cache on disk") == 1
    cache.put_many({"a": latents(1)})
    assert found(cache, "a") == {"a"}
    cache.close()


def test_a_disk_that_fails_later_is_reported_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = LatentCache(folder)
    spoiler = sqlite3.connect(database(folder))
    spoiler.execute("DROP TABLE arrays")
    spoiler.commit()
    spoiler.close()
    with caplog.at_level(logging.WARNING):
        cache.put_many({"a": latents(1)})
        cache.put_many({"b": latents(2)})
        cache.flush()
        for _ in range(2):
            assert found(cache, "a", "b", "c") == {"a", "b"}
    assert caplog.text.count("cannot be written until the next start") == 1
    assert caplog.text.count("cannot be read and is disabled") == 1
    cache.close()


def test_closing_twice_is_harmless(folder: Path) -> None:
    cache = LatentCache(folder)
    cache.close()
    cache.close()
    cache.put_many({"a": latents(1)})
    assert found(cache, "a") == {"a"}


@pytest.mark.parametrize("quick", [False, True])
def test_a_second_render_in_a_new_process_encodes_nothing_unless_that_is_quick(folder: Path, quick: bool) -> None:
    media = made_up_media(1, 200_000)
    plan = plan_of(session_of(media), "mdct-2x")

    def load(codec: str, rate: int) -> Codec:
        return MdctCodec(replace(MDCT_2X, quick=quick), exact=112, lowest_gain=0.5)

    mixes, counts = [], []
    for _ in range(2):
        cache = LatentCache(folder)
        renderer = new_renderer(MemoryAudio.of(media), cache, load)
        mixes.append(render_plan(plan, renderer))
        counts.append(renderer.counters.encodes)
        cache.close()
    assert counts == [len(plan.audible), len(plan.audible) if quick else 0]
    assert np.array_equal(mixes[0], mixes[1])


# Renders


def test_renders_are_kept_and_both_parts_must_be_there(folder: Path) -> None:
    renders = RenderCache(folder)
    renders.put("a", noise(1, 8, 10)[None], noise(2, 2, 500))
    renders.close()
    renders = RenderCache(folder)
    kept = renders.get("a")
    assert kept is not None
    assert np.array_equal(kept[0], noise(1, 8, 10)[None])
    assert np.array_equal(kept[1], noise(2, 2, 500))
    assert renders.get("b") is None
    connection = sqlite3.connect(render_database(folder))
    connection.execute("DELETE FROM arrays WHERE key = 'a/audio'")
    connection.commit()
    connection.close()
    assert renders.get("a") is None
    renders.close()
    assert renders.get("a") is None
    renders.put("b", noise(1, 8, 10)[None], noise(2, 2, 500))  # closed: nothing


def test_what_took_long_to_render_is_not_rendered_again(folder: Path) -> None:
    media = made_up_media(1, 200_000)
    plan = plan_of(session_of(media), "mdct-2x")
    mixes, counts = [], []
    for keep_from_s in (1000.0, 0.0, 1000.0):
        cache = LatentCache()
        renderer = new_renderer(MemoryAudio.of(media), cache)
        renderer.renders, renderer.keep_from_s = RenderCache(folder), keep_from_s
        mixes.append(render_plan(plan, renderer))
        counts.append((renderer.counters.encodes, renderer.counters.decodes))
        renderer.close()
    count = len(plan.audible)
    assert counts == [(count, count), (count, count), (0, 0)]
    assert np.array_equal(mixes[0], mixes[1])
    assert np.array_equal(mixes[0], mixes[2])
