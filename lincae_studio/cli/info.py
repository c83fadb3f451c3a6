"""`lincae-studio info`: the contents of a project, a bundle, a latents file or an audio file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.engine.bundles.latent_files import load_latents
from lincae_studio.engine.bundles.store import BundleStore, bundles_dir
from lincae_studio.engine.bundles.writer import open_bundle, pcm_bytes
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.errors import CodecError
from lincae_studio.media.probe import probe
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import cache_dir
from lincae_studio.session import files, regions
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import Session

LATENT_SUFFIXES = (".safetensors", ".npz")


def describe(path: Path) -> dict[str, object]:
    """Describe a file, depending on its kind.

    Raises:
        StudioError: when it cannot be read.
    """
    if files.is_bundle(path):
        return _bundle(path)
    if path.suffix.lower() == files.SUFFIX:
        return {"kind": "project", "path": str(path)} | _session(files.load(path))
    if path.suffix.lower() in LATENT_SUFFIXES:
        return _latents(path)
    return _audio(path)


def _session(session: Session) -> dict[str, object]:
    store = MediaStore(cache_dir())
    clips: dict[str, int] = {}
    for clip in session.clips():
        clips[clip.media] = clips.get(clip.media, 0) + 1
    length_s = session.length / session.rate
    found: dict[str, object] = {
        "sample_rate_hz": session.rate,
        "length_samples": session.length,
        "duration_s": length_s,
        "channels": session.channels,
        "tracks": [track.name for track in session.tracks if track.id not in session.group_ids or track.clips],
        "groups": [
            {"name": track.name, "tracks": [one.name for one in session.tracks if one.parent == track.id]}
            for track in session.tracks
            if track.id in session.group_ids
        ],
        "clips": sum(clips.values()),
        "markers": sum(not marker.length for marker in session.markers),
        "sections": [
            {"name": one.name, "start_s": one.at / session.rate, "end_s": one.end / session.rate}
            for one in session.markers
            if one.length
        ],
        "snapshots": [snapshot.name for snapshot in session.snapshots],
        "regions": [
            {
                "in": regions.name_of(session, owner),
                "name": region.name,
                "start_s": max(0, region.start + regions.origin_of(session, owner)) / session.rate,
                "end_s": min((region.end + regions.origin_of(session, owner)) / session.rate, length_s),
                "channels": f"{region.low}-{region.high}",
                "gain": format_db(region.gain).replace("−", "-"),  # for scripts
                "applies_to": "other channels" if region.keep else "these channels",
                "on": region.on,
                "codec": region.codec,
            }
            for owner, region in regions.all_regions(session)
        ],
        "codec": session.codec,
        "seed": session.seed,
    }
    try:
        codec = registry.for_session(session.codec, rate=session.rate)
        grid = Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
        found |= {"codec_here": True, "chunk_frames": grid.frames, "overlap_frames": grid.overlap}
    except CodecError:
        found |= {"codec_here": False}
    found["media"] = [
        {
            "name": name_of(media),
            "path": media.path,
            "state": "latents" if media.original is not None else store.file_state(media),
            "sha256": media.digest,
            "bytes": media.size,
            "sample_rate_hz": media.sample_rate,
            "channels": media.channels,
            "duration_s": media.length / session.rate,
            "clips": clips.get(media.digest, 0),
        }
        for media in session.media
    ]
    return found


def _bundle(path: Path) -> dict[str, object]:
    store = BundleStore(bundles_dir(cache_dir()))
    session = open_bundle(path, store)
    pcm = pcm_bytes(session)
    size = path.stat().st_size
    latents = store.of_media(session.media[0].digest) if session.media else None
    header = latents.header if latents is not None else None
    found: dict[str, object] = {"kind": "bundle", "path": str(path), "bytes": size}
    found |= {"pcm24_bytes": pcm, "ratio": pcm / size}
    if header is not None:
        found |= {"latents_codec": header.codec, "latents_identity": header.identity}
    return found | _session(session)


def _latents(path: Path) -> dict[str, object]:
    content = load_latents(path)
    header = content.header
    rms = float(np.sqrt(np.mean(np.square(content.latents, dtype=np.float64))))
    return {
        "kind": "latents",
        "path": str(path),
        "codec": header.codec,
        "identity": header.identity,
        "shape": list(content.latents.shape),
        "audible_chunks": int(content.audible.sum()),
        "hop": header.hop,
        "frames": header.frames,
        "overlap": header.overlap,
        "seed": header.seed,
        "start_samples": header.start,
        "length_samples": header.length,
        "duration_s": header.length / header.sample_rate_hz,
        "rms": rms,
        "max": float(np.abs(content.latents).max()),
    }


def _audio(path: Path) -> dict[str, object]:
    found = probe(path, wide=True)
    return {
        "kind": "audio",
        "path": str(path),
        "format": found.format_name,
        "sample_rate_hz": found.sample_rate,
        "channels": found.channels,
        "length_samples": found.length,
        "duration_s": found.length / found.sample_rate,
        "bytes": path.stat().st_size,
    }


def lines(figures: dict[str, object]) -> list[str]:
    """The figures as text: one per line, lists indented."""
    found = []
    for name, value in figures.items():
        title = name.replace("_", " ")
        if isinstance(value, list) and value and isinstance(value[0], dict):
            found.append(f"{title}:")
            for row in value:
                details = ", ".join(f"{key.replace('_', ' ')} {_text(row[key])}" for key in row if key not in _LONG)
                found.append(f"  {details}")
        elif isinstance(value, list):
            found.append(f"{title}: {', '.join(map(str, value))}")
        else:
            found.append(f"{title}: {_text(value)}")
    return found


#: Left out of the text.
_LONG = ("sha256",)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else str(value)
    return str(value)
