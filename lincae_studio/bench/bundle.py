"""Size of a latent bundle of the demo song, and the difference of its render from the original's. Headless, offline."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import numpy as np

from lincae_studio import malloc
from lincae_studio.bench.engine import resolve_codec
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, bundled_files, bundles_dir
from lincae_studio.engine.bundles.writer import open_bundle, write_bundle
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer, StoreReader
from lincae_studio.engine.rendering.streams import mix_blocks
from lincae_studio.media.store import MediaStore
from lincae_studio.paths import resource
from lincae_studio.session import edits, files
from lincae_studio.session.model import DEFAULT_RATE, Session

CODECS = ("mdct-1x", "mdct-2x", "mdct-4x")


def _load(codec: str, rate: int) -> Codec:
    return registry.load(codec, rate=rate)


def measure_bundles(codecs: tuple[str, ...] = CODECS, seconds: float | None = None) -> list[dict[str, object]]:
    """One row per codec; `random-lin-cae` is a full-size Lin-CAE with random weights.

    - `bytes`, `pcm24_bytes`, `ratio`: of the bundle, and of the same audio as 24-bit PCM;
    - `snr_db`, `max_error`: the mix that the bundle renders, without the audio, against that of the project;
    - `encodes`: number of encodes that were needed, 0 where everything is in the bundle;
    - `write_s`, `open_s`.

    Args:
        seconds: seconds of the song to use; None for all of it.
    """
    malloc.keep_freed()  # as the command line does
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = MediaStore(folder / "cache")
        song = files.load(resource("demo/paper_lanterns.lincae"))
        for media in song.media:
            store.ensure(media)
        for codec in codecs:
            session = edits.set_codec(_shortened(song, seconds), resolve_codec(codec, folder))
            rows.append({"codec": codec} | _measure(session, store, folder / "elsewhere" / codec))
    return rows


def _measure(session: Session, store: MediaStore, place: Path) -> dict[str, object]:
    info = registry.for_session(session.codec)
    renderer = Renderer(_load, StoreReader(store), LatentCache())
    place.mkdir(parents=True)
    started = time.perf_counter()
    result = write_bundle(session, info, renderer.render_many, place / "song.lincaez")
    written = time.perf_counter()
    opened = open_bundle(place / "song.lincaez", BundleStore(bundles_dir(place)))
    read = time.perf_counter()
    cache = LatentCache()
    cache.attach(BundledLatents(path) for path in bundled_files(place))
    other = Renderer(_load, StoreReader(MediaStore(place / "empty")), cache)
    expected, found = _mix(session, renderer), _mix(opened, other)
    noise = float(np.mean(np.square(found - expected, dtype=np.float64)))
    power = float(np.mean(np.square(expected, dtype=np.float64)))
    return {
        "bytes": result.size,
        "pcm24_bytes": result.pcm_bytes,
        "ratio": result.ratio,
        "snr_db": 10.0 * math.log10(power / noise) if noise else math.inf,
        "max_error": float(np.abs(found - expected).max()),
        "encodes": other.counters.encodes,
        "write_s": written - started,
        "open_s": read - written,
    }


def _mix(session: Session, renderer: Renderer) -> Array:
    plan = make_plan(session, registry.for_session(session.codec))
    return np.concatenate([block for _, block in mix_blocks(plan, renderer.render)], axis=1)


def _shortened(session: Session, seconds: float | None) -> Session:
    """The first seconds of every clip."""
    if seconds is None:
        return session
    end = round(seconds * DEFAULT_RATE)
    for clip in list(session.clips()):
        session = edits.trim_clip(session, clip.id, clip.start, min(clip.end, clip.start + end))
    return session
