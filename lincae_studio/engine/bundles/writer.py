"""Latent bundles (`.lincaez`): a project with the latents of all its clips, and no audio.

A zip of `project.json`, a manifest like that of any project, and `latents.safetensors` (see `bundles.store`), stored
uncompressed. Nothing is unpacked under a name chosen by the archive, and nothing in it is executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio import atomic, bounded, private
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.bundles import store as bundle_store
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, Header
from lincae_studio.engine.planning.contributions import Term
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, make_plan
from lincae_studio.engine.planning.probes import term_latents
from lincae_studio.engine.planning.sources import Source, key_of
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import ProjectError, os_error_reason
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.session import files
from lincae_studio.session.model import Master, Media, Original, Session
from lincae_studio.session.operators import set_insert
from lincae_studio.session.processes import MAX_PROCESSES, digest_of
from lincae_studio.session.relink import relink

_MANIFEST = "project.json"
_LATENTS = "latents.safetensors"

#: Windows whose latents are requested at once.
_BATCH = 64

_COPY_BYTES = 1 << 20

#: Bytes per sample of 24-bit PCM, with which bundles are compared.
_PCM_BYTES = 3

#: Renders chunks, in this process or by waiting for the engine process.
Render = Callable[[Sequence[Chunk]], Sequence[Rendered]]


class BundleResult(Struct, frozen=True):
    """What was written; `pcm_bytes` is the size of the same audio as 24-bit PCM."""

    path: Path
    size: int
    pcm_bytes: int
    windows: int

    @property
    def ratio(self) -> float:
        """How many times smaller than PCM the bundle is."""
        return self.pcm_bytes / self.size


def write_bundle(
    session: Session,
    codec: CodecInfo,
    render: Render,
    path: Path,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> BundleResult:
    """Write the bundle of a session, which replaces an older one only when complete.

    It contains every window needed to render a clip: in the session as it is, with nothing muted, and with each clip
    alone (as the clips it touches or overlaps determine its fades); and each of these windows without trims and fades,
    from which the audio around the clips is decoded when edits need it.

    Raises:
        ProjectError: when the session has no clips, audio is processed more often than a project can list, or the file
            cannot be written.
        StudioError: when a clip's audio cannot be encoded.
        Cancelled: when `cancel` was set; an older file stays.
    """
    cancel = cancel or CancelToken()
    if not any(session.clips()):
        raise ProjectError("there is nothing to bundle", "Add at least one clip")
    for item in session.media:
        if item.original is not None and _same_file(Path(item.path), path):
            raise ProjectError(f"this session plays latents from {path}", "Save the bundle under another name")
    grid = Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
    media = session.used_media()
    originals = tuple(_original(item, codec.id) for item in media)
    number_of = {item.digest: number for number, item in enumerate(media)}
    windows = list(windows_of(session, codec, grid))
    latents: dict[tuple[int, Source], bundle_store.Float16Array] = {}
    for start in range(0, len(windows), _BATCH):
        cancel.check()
        batch = windows[start : start + _BATCH]
        for chunk, rendered in zip(batch, render(batch), strict=True):
            source = chunk.terms[0].source
            latents[number_of[source.media], source] = bundle_store.to_float16(rendered.latents[0])
        progress(Progress(start + len(batch), len(windows), "latents"))
    cancel.check()
    header = Header(
        codec=codec.id,
        identity=codec.latent_identity,
        hop=grid.hop,
        window_extra=grid.window_extra,
        context=grid.context,
        frames=grid.frames,
        overlap=grid.overlap,
        dim=codec.dim,
        rate=session.rate,
        media=tuple(digest_of(original.digest, original.chain) for original in originals),
    )
    data = bundle_store.encode(header, latents)
    file_digest = hashlib.sha256(data).hexdigest()
    bundles = {
        item.digest: replace(
            item,
            digest=bundle_store.media_digest(file_digest, number, session.rate),
            path=str(path),
            channel_selection="",
            size=0,
            original=original,
            derived=None,
        )
        for number, (item, original) in enumerate(zip(media, originals, strict=True))
    }
    listed = replace(session, media=tuple(media), codec=codec.id)
    _write(relink(listed, bundles), data, path)
    return BundleResult(path, path.stat().st_size, pcm_bytes(session), len(windows))


def pcm_bytes(session: Session) -> int:
    """Size of the audio that clips play, as 24-bit PCM; audio shared by several clips counts once."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for clip in session.clips():
        ranges.setdefault(clip.media, []).append((clip.offset, clip.offset + clip.length))
    total = 0
    for digest, played in ranges.items():
        end = 0
        for first, last in sorted(played):
            total += max(0, last - max(first, end)) * session.media_of(digest).channels
            end = max(end, last)
    return total * _PCM_BYTES


def windows_of(session: Session, codec: CodecInfo, grid: Grid) -> Iterator[Chunk]:
    """The windows of a bundle, each once, as chunks with a single term that are not decoded."""
    # Processed media are encoded as they are: a bundle has no others that they could be mixed from.
    session = replace(session, media=tuple(replace(item, derived=None) for item in session.media))
    lengths = {item.digest: item.length for item in session.media}
    seen: set[str] = set()
    session = set_insert(session, [track.id for track in session.tracks], 0)  # it needs no windows of its own
    audible = _all_audible(session)
    for version in (session, audible, _each_alone(audible)):
        for chunk in make_plan(version, codec, grid).audible:
            for term in chunk.terms:
                whole = _whole(term, lengths[term.source.media], grid, codec.latent_identity)
                for one in (term, whole):
                    if one.key not in seen:
                        seen.add(one.key)
                        yield term_latents(one, chunk)


def open_bundle(path: Path, store: BundleStore) -> Session:
    """Read a bundle: store its latents, and return its session, whose media files are available as latents.

    Raises:
        ProjectError: when it cannot be read, is not a bundle, is damaged, or was made by a newer version.
    """
    with _reading(path), bounded.open_regular(path) as file, bounded.open_archive(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if not {_MANIFEST, _LATENTS} <= members.keys():
            raise ProjectError(f"cannot open {path}: it is not a LinCAE Studio bundle", "Choose a .lincaez file")
        if members[_MANIFEST].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ProjectError(f"cannot open {path}: its manifest is compressed in an unknown way", _RESTORE)
        with archive.open(members[_MANIFEST]) as member:
            manifest = member.read(files.MAX_BYTES + 1)
        if len(manifest) > files.MAX_BYTES:
            raise ProjectError(f"cannot open {path}: its manifest is too large", _RESTORE)
        session = files.parse(manifest, path)
        latents = _extract_latents(archive, members[_LATENTS], path, store)
    known = set(latents.media)
    for media in session.media:
        if media.original is not None and media.digest not in known:
            raise ProjectError(f"cannot open {path}: its latents do not belong to its project", _RESTORE)
        if media.original is None:
            raise ProjectError(f"cannot open {path}: it has no latents for {Path(media.path).name}", _RESTORE)
    return replace(session, media=tuple(replace(media, path=str(path.absolute())) for media in session.media))


_RESTORE = "Copy the bundle again from its original location"


def _extract_latents(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, store: BundleStore) -> BundledLatents:
    """Copy the latents into the store, under their digest."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ProjectError(f"cannot open {path}: its latents are compressed", _RESTORE)
    private.make(store.folder, checked=False)
    digest = hashlib.sha256()
    with atomic.temporary(store.folder) as temporary:
        with archive.open(info) as source, open(temporary, "wb") as target:
            while data := source.read(_COPY_BYTES):
                digest.update(data)
                target.write(data)
            target.flush()
            os.fsync(target.fileno())
        return store.keep(temporary, digest.hexdigest())


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Report any error while reading an untrusted archive as a `ProjectError`."""
    try:
        yield
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot open {path}: {reason}", remedy) from error
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError) as error:
        raise ProjectError(f"cannot open {path}: it is damaged or not a bundle ({error})", _RESTORE) from error


def _write(session: Session, latents: bytes, path: Path) -> None:
    try:
        manifest = files.encode(session, path.parent)
        with atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(_MANIFEST), manifest, zipfile.ZIP_DEFLATED)
            archive.writestr(zipfile.ZipInfo(_LATENTS), latents, zipfile.ZIP_STORED)
    except UnicodeEncodeError as error:
        raise ProjectError(f"cannot save {path}: a name is not valid Unicode", "Rename the track or clip") from error
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot save {path}: {reason}", remedy) from error


def _original(media: Media, codec_id: str) -> Original:
    """The audio that the latents are made from; for audio known only as latents, its own original.

    Raises:
        ProjectError: when all that it was processed with is more than a project can list.
    """
    if media.original is not None:
        chain = (*media.original.chain, *media.chain)
        if len(chain) > MAX_PROCESSES:
            name = Path(media.original.path).name
            problem = f"the audio of {name} is processed {len(chain)} times, counting what its latents were made from"
            raise ProjectError(problem, f"Remove some of them: a bundle keeps {MAX_PROCESSES}")
        return replace(media.original, codec=codec_id, chain=chain)
    return Original(
        digest=media.source.digest,
        path=media.path,
        codec=codec_id,
        size=media.size,
        channel_selection=media.channel_selection,
        chain=media.chain,
    )


def _all_audible(session: Session) -> Session:
    """The session with nothing muted, turned down or subtracted, since faders may be moved later."""
    tracks = []
    for track in session.tracks:
        clips = tuple(replace(clip, mute=False, gain=1.0) for clip in track.clips)
        tracks.append(
            replace(track, clips=clips, mute=False, solo=False, gain=1.0, pan=0.0, gain_points=(), pan_points=())
        )
    return replace(session, tracks=tuple(tracks), master=Master(), morph=None)


def _each_alone(session: Session) -> Session:
    """The session with every clip on its own track."""
    tracks = []
    for track in session.tracks:
        tracks += [replace(track, id=session.next_id + clip.id, clips=(clip,)) for clip in track.clips]
    return replace(session, tracks=tuple(tracks))


def _whole(term: Term, length: int, grid: Grid, identity: str) -> Term:
    """The same window of the same audio, without the trims and fades of a clip."""
    source = term.source
    first, last = max(0, -source.position), min(grid.window_samples, length - source.position)
    whole = Source(source.media, source.channel, source.position, first, last)
    return Term(key_of(whole, grid.window_samples, identity), whole, (1.0,))
