"""Randomly damaged files: manifests, journals, bundles, latents, audio. They cause only clear errors, at no great cost,
and no other files are touched.

A thousand by default; `LINCAE_STUDIO_MUTATIONS` sets the number, for a longer run.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.bundles.latent_files import latents_of, load_latents, save_latents
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore
from lincae_studio.engine.bundles.writer import open_bundle, write_bundle
from lincae_studio.errors import StudioError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.journal import Journal
from lincae_studio.session.model import Session
from lincae_studio.session.recovery import recover
from lincae_studio.session.rules import check
from tests.helpers import MemoryAudio, new_renderer, noise, plan_of, write_audio
from tests.strategies import SHORT_MEDIA

#: Damaged files of each kind.
COUNT = int(os.environ.get("LINCAE_STUDIO_MUTATIONS", "1000")) // 10


def song() -> Session:
    session = edits.add_stems(Session(seed=3), [SHORT_MEDIA[1], SHORT_MEDIA[2]], 100)
    return edits.set_clip_fades(edits.rename_track(session, 1, "drüms"), {2}, 50, 70)


def manifest(place: Path) -> Path:
    files.save(song(), place / "song.lincae")
    return place / "song.lincae"


def recovery(place: Path) -> Path:
    kept = Journal(place, lambda error: pytest.fail(str(error)))
    session = song()
    kept.record(session, "Open", "song", None)
    for number in range(20):
        session = edits.rename_track(session, 1, f"name {number}")
        session = edits.set_track_gain(session, 3, number / 20)
        kept.record(session, "Rename", "song", None)
        assert kept.settle()
    folder = kept.folder
    kept.close(keep=True)
    assert folder is not None
    return next(folder.glob("*.journal"))


def bundle(place: Path) -> Path:
    session = edits.add_stems(Session(), [SHORT_MEDIA[2]], 0)
    renderer = new_renderer(MemoryAudio.of(*SHORT_MEDIA))
    write_bundle(session, registry.info("mdct-4x"), renderer.render_many, place / "song.lincaez")
    return place / "song.lincaez"


def latents(kind: str) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        session = edits.add_stems(Session(), [SHORT_MEDIA[2]], 0)
        renderer = new_renderer(MemoryAudio.of(*SHORT_MEDIA))
        save_latents(latents_of(plan_of(session, "mdct-4x"), 0, 150, renderer.render_many), place / f"mix.{kind}")
        return place / f"mix.{kind}"

    return make


def audio(ending: str) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        subtype = {"wav": "FLOAT", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III", "aiff": "PCM_24"}[ending]
        return write_audio(place / f"a.{ending}", noise(1, 8000, 2), subtype=subtype)

    return make


def open_manifest(path: Path, _work: Path) -> None:
    check(files.load(path))


def open_recovery(path: Path, _work: Path) -> None:
    check(recover(path.parent).session)


def open_damaged_bundle(path: Path, work: Path) -> None:
    store = BundleStore(work / "bundles")
    for media in open_bundle(path, store).media:
        found: BundledLatents | None = store.of_media(media.digest)
        assert found is not None
        for values in found.get_many(found._names).values():
            assert np.isfinite(values).all()


def open_latents(path: Path, _work: Path) -> None:
    assert np.isfinite(load_latents(path).latents).all()


def open_audio(path: Path, work: Path) -> None:
    store = MediaStore(work / "cache")
    media = store.import_file(path)
    assert np.isfinite(store.open(media.digest).samples).all()


KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[Path, Path], None]]] = {
    "manifest": (manifest, open_manifest),
    "journal": (recovery, open_recovery),
    "bundle": (bundle, open_damaged_bundle),
    "safetensors": (latents("safetensors"), open_latents),
    "npz": (latents("npz"), open_latents),
    **{ending: (audio(ending), open_audio) for ending in ("wav", "flac", "ogg", "mp3", "aiff")},
}


def mutated(good: bytes, rng: random.Random) -> bytes:
    """Bytes changed, a run moved, doubled, deleted or filled, numbers made huge, or the end cut off."""
    data = bytearray(good)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        if not data:
            break
        # Headers are at the start, and the directory of an archive at its end.
        span = rng.choice([len(data), min(len(data), 200), min(len(data), 2000)])
        at = rng.randrange(span) if rng.random() < 0.8 else len(data) - 1 - rng.randrange(span)
        length = rng.choice([1, 2, 4, 8, 100])
        match rng.randrange(8):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + length] = rng.randbytes(length)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length] * rng.choice([1, 50])
            case 4:
                data[at : at + length] = b"\xff" * length
            case 5:
                data[at : at + length] = b"\0" * length
            case 6:
                data[at : at + 1] = rng.choice([b"9" * 30, b"-1", b"null", b"[" * 500, b'"', b"1e999", b"../../x"])
            case 7:
                del data[rng.randrange(len(data)) :]
    return bytes(data)


def everything(root: Path) -> dict[Path, int]:
    """Every file below a folder, with its size."""
    return {path: path.stat().st_size for path in root.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Cost:
    """What reading a file takes, on whatever machine: function calls, and bytes of memory at once."""

    calls: int
    memory: int


#: No file may cost more. A whole one costs some 3000 calls and a megabyte; one whose header says 68 Hz becomes long.
LIMIT = Cost(100_000, 256 << 20)


def cost(read: Callable[[], None]) -> Cost:
    """Read, and count. Reading that takes more calls than the limit is stopped: it might never end."""
    calls = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > LIMIT.calls:
            sys.setprofile(None)
            pytest.fail(f"more than {LIMIT.calls} calls")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        read()
    finally:
        sys.setprofile(None)
        _, memory = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return Cost(calls, memory)


@pytest.fixture
def neighbours(tmp_path: Path) -> Path:
    """A folder in which nothing may change but below `open`."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_file_is_a_clear_error_or_still_good(neighbours: Path, kind: str) -> None:
    make, read = KINDS[kind]
    (neighbours / "good").mkdir()
    good = make(neighbours / "good")
    content = good.read_bytes()
    read(good, neighbours / "good work")
    before = everything(neighbours)
    refused: list[StudioError] = []
    for seed in range(COUNT):
        place, work = neighbours / "open" / "here", neighbours / "open" / "work"
        shutil.copytree(good.parent, place)
        path = place / good.name
        path.write_bytes(mutated(content, random.Random(f"{kind} {seed}")))

        def read_it(path: Path = path, work: Path = work) -> None:
            try:
                read(path, work)
            except StudioError as error:
                refused.append(error)

        assert cost(read_it).memory <= LIMIT.memory
        assert {one.name for one in place.iterdir()} <= {one.name for one in good.parent.iterdir()} | {"tried"}
        shutil.rmtree(neighbours / "open")
    assert everything(neighbours) == before, "nothing else was touched"
    unclear = [error.problem for error in refused if not error.remedy or "internal" in error.problem]
    assert unclear == []
    assert refused or kind == "journal", "damage is noticed (a journal is read up to it)"
