"""What an engine elsewhere asks for: each block once, what was interrupted again, and nothing that it must not have."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.sources import Source
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.packing import pack
from lincae_studio.engine.process.supplier import Supplier
from lincae_studio.engine.process.supplies import (
    BLOCK_FRAMES,
    SuppliedAudio,
    Supplies,
    block_name,
    parsed,
    sent_media_database,
)
from lincae_studio.engine.rendering.disk import DiskArrays, open_disk
from lincae_studio.errors import MediaError
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media
from tests.helpers import import_audio, noise, plan_of, session_of

LENGTH = 3 * BLOCK_FRAMES + 1000


class Link:
    """Both ends in this process; answers are sent from a thread of their own, unless they are held back."""

    def __init__(self, store: MediaStore, disk: DiskArrays | None = None) -> None:
        self.supplier = Supplier(store)
        self.asked: list[str] = []
        self.held = False
        self.supplies = Supplies(self._ask, disk)
        self.audio = SuppliedAudio(self.supplies)

    def _ask(self, names: tuple[str, ...]) -> None:
        self.asked += names
        if not self.held:
            threading.Thread(target=self.answer, args=(names,)).start()

    def answer(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.supplies.put(self.supplier.answer(name))


@pytest.fixture
def media(tmp_path: Path, store: MediaStore) -> Media:
    return import_audio(store, tmp_path / "stereo.wav", noise(1, LENGTH, 2))


@pytest.fixture
def link(store: MediaStore, media: Media) -> Link:
    link = Link(store)
    link.supplier.note(plan_of(session_of(media), "mdct-2x").audible)
    return link


@pytest.mark.parametrize(
    ("start", "count"), [(0, 100), (-50, 100), (BLOCK_FRAMES - 5, 10), (LENGTH - 5, 100), (-10, LENGTH + 20), (-90, 80)]
)
def test_samples_are_those_of_the_store(link: Link, store: MediaStore, media: Media, start: int, count: int) -> None:
    for channel in (0, 1):
        expected = store.open(media.digest).read(channel, start, count)
        assert (link.audio.read(media.digest, channel, start, count) == expected).all()
    assert len(link.asked) == len(set(link.asked)), "each block once"


def test_only_the_blocks_that_are_needed_are_asked_for(link: Link, media: Media) -> None:
    link.audio.read(media.digest, 0, BLOCK_FRAMES + 10, 100)
    assert link.asked == [block_name(media.digest, 1)]


def test_what_is_expected_is_on_its_way_before_it_is_read(link: Link, media: Media) -> None:
    link.held = True
    link.audio.expect([Source(media.digest, 0, 0, 0, 10), Source(media.digest, 1, BLOCK_FRAMES, 0, BLOCK_FRAMES + 1)])
    assert link.asked == [block_name(media.digest, index) for index in range(3)]
    link.held = False
    link.answer(tuple(link.asked))
    link.audio.read(media.digest, 0, 0, 3 * BLOCK_FRAMES)
    assert len(link.asked) == 3


def test_few_blocks_are_under_way_at_once(link: Link) -> None:
    link.held = True
    link.supplies.expect(f"audio/{'0' * 64}/{index}" for index in range(100))
    assert len(link.asked) == 8
    array = np.zeros((1, 5), np.float32)
    link.supplies.put(messages.Item(link.asked[3], (1, 5), pack(array)))
    assert len(link.asked) == 9


def test_blocks_that_were_sent_are_kept_for_the_next_engine(store: MediaStore, media: Media, tmp_path: Path) -> None:
    chunks = plan_of(session_of(media), "mdct-2x").audible
    asked: list[list[str]] = []
    for _ in range(2):  # the first one ends after two of four blocks
        disk = open_disk(sent_media_database(tmp_path / "far"), 10_000_000)
        assert disk is not None
        link = Link(store, disk)
        link.supplier.note(chunks)
        count = LENGTH if asked else BLOCK_FRAMES + 1
        assert (link.audio.read(media.digest, 1, 0, count) == store.open(media.digest).read(1, 0, count)).all()
        asked.append(link.asked)
        disk.close()
    assert asked == [[block_name(media.digest, index) for index in part] for part in ((0, 1), (2, 3))]


def test_audio_that_cannot_be_read_is_an_error_and_asked_for_again(link: Link, store: MediaStore, media: Media) -> None:
    folder = next((store._root).glob(f"*/{media.digest}"))
    folder.rename(folder.with_name("elsewhere"))
    store._open.clear()
    with pytest.raises(MediaError, match="not in the cache"):
        link.audio.read(media.digest, 0, 0, 10)
    folder.with_name("elsewhere").rename(folder)
    assert link.audio.read(media.digest, 0, 0, 10).any()


def test_a_disk_that_fails_is_an_error_of_what_needs_it(
    link: Link, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(MediaStore, "open", fails)
        with pytest.raises(MediaError, match="Input/output error"):
            link.audio.read(media.digest, 0, 0, 10)
    assert link.audio.read(media.digest, 0, 0, 10).any()


def test_a_channel_that_does_not_exist_is_an_error(link: Link, media: Media) -> None:
    with pytest.raises(MediaError, match="no channel 3"):
        link.audio.read(media.digest, 2, 0, 10)


@pytest.mark.parametrize(
    "name",
    [
        "", "audio", "audio/x", "audio/x/-1", "audio/x/1/2", "audio/x/٣", "audio/x/9999999999", "latents",
        "latents/a/b", "/etc/passwd", "../../etc/passwd",
    ],
)  # fmt: skip
def test_other_names_are_refused(link: Link, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        parsed(name)
    with pytest.raises(ValueError, match="no name"):
        link.supplier.answer(name)


def test_audio_that_no_chunk_needs_is_not_sent(link: Link, store: MediaStore, tmp_path: Path) -> None:
    other = import_audio(store, tmp_path / "private.wav", noise(2, 1000))
    for name in (block_name(other.digest, 0), "latents/0123"):
        with pytest.raises(ValueError, match="no chunk needs"):
            link.supplier.answer(name)


def test_what_was_not_asked_for_or_is_not_valid_is_refused(link: Link, media: Media) -> None:
    link.held = True
    name = block_name(media.digest, 0)
    small = np.zeros((1, 4), np.float32)
    with pytest.raises(ValueError, match="not asked for"):
        link.supplies.put(messages.Item(name, (1, 4), pack(small)))
    link.supplies.expect([name])
    for shape in ((3, 4), (1, BLOCK_FRAMES + 1)):
        with pytest.raises(ValueError, match="has the shape"):
            link.supplies.put(messages.Item(name, shape, pack(np.zeros(shape, np.float32))))
    with pytest.raises(ValueError, match="bytes for an array"):
        link.supplies.put(messages.Item(name, (1, 5), pack(small)))


def test_memory_is_bounded_and_what_is_waited_for_stays(link: Link, monkeypatch: pytest.MonkeyPatch, media: Media,
    store: MediaStore) -> None:  # fmt: skip
    from lincae_studio.engine.process import supplies

    monkeypatch.setattr(supplies, "_MEMORY_BYTES", 8 * BLOCK_FRAMES)
    assert (link.audio.read(media.digest, 0, 0, LENGTH) == store.open(media.digest).read(0, 0, LENGTH)).all()
    assert link.supplies._bytes <= 8 * BLOCK_FRAMES
    assert sum(array.nbytes for array in link.supplies._memory.values()) == link.supplies._bytes
    assert not link.supplies._waiting


def test_latents_of_bundles_are_sent_by_their_keys(link: Link, tmp_path: Path, media: Media, store: MediaStore) -> None:
    assert registry.info("mdct-2x")
    link.supplier.attach([str(tmp_path / "missing")])
    key = plan_of(session_of(media), "mdct-2x").audible[0].terms[0].key
    item = link.supplier.answer(f"latents/{key}")
    assert "no such latents" in item.problem
