"""What an export consists of: the files, their names, what each holds and says of itself. Pure but for the streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from lincae_studio import __version__
from lincae_studio.engine.export.writer import ExportItem, refuse_overwriting
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.streams import ProvideChunk, difference, dry, rendered
from lincae_studio.errors import ExportError
from lincae_studio.export_settings import ExportSettings
from lincae_studio.media.writer import Tags
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import MAX_LENGTH, SESSION_RATE, Session, Track

#: What no file system likes in a name.
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')

#: Longest part of a name that a track gives, in bytes.
_NAME_BYTES = 100

#: Makes what provides the chunks of a plan.
Provide = Callable[[Plan], ProvideChunk]


def span_of(session: Session, settings: ExportSettings, selection: tuple[int, int] | None = None) -> tuple[int, int]:
    """The samples `[start, end)` that an export covers, its tail included. `selection`: of the timeline, in samples.

    Raises:
        ExportError: when there is no loop, or nothing is selected, that it is to cover.
    """
    start, end = 0, session.length
    if settings.span == "loop":
        if session.loop is None:
            raise ExportError("there is no loop to export", "Drag over the ruler to make one, or export all")
        start, end = session.loop.start, session.loop.end
    elif settings.span == "selection":
        if selection is None:
            raise ExportError("nothing is selected", "Select clips, or export all")
        start, end = selection
    if end <= start:
        raise ExportError("there is nothing to export", "Add at least one clip")
    return start, min(end + round(settings.tail_s * SESSION_RATE), MAX_LENGTH)


def stems_of(session: Session, settings: ExportSettings) -> list[Track]:
    """The tracks that are written, each to a file of its own."""
    if "tracks" not in settings.contents:
        return []
    return [track for track in session.tracks if track.clips and (settings.stems == "all" or session.audible(track))]


def paths_of(session: Session, settings: ExportSettings, target: Path) -> list[Path]:
    """The files that are written, latents last; the first content has the target's own name."""
    return [path for _, path in _named(session, settings, target)] + latent_paths(settings, target)


def latent_paths(settings: ExportSettings, target: Path) -> list[Path]:
    """The file of latents, where one is written."""
    if "latents" not in settings.contents:
        return []
    if settings.contents == ("latents",) and target.suffix.lower() in (".safetensors", ".npz"):
        return [target]
    return [target.with_name(f"{target.stem} latents.{settings.latents}")]


def items_of(
    session: Session,
    plan: Plan,
    settings: ExportSettings,
    target: Path,
    title: str,
    provide: Provide,
    reader: AudioReader,
) -> list[ExportItem]:
    """The audio files of an export.

    Args:
        plan: of the session.
        target: the file of the first content; the others lie beside it.
        title: of the session, for the tags.
        reader: of the dry mix.
    """
    made = f"LinCAE Studio {__version__}"
    codec = f"{made}, codec {plan.codec.title} ({plan.codec.identity}), seed {session.seed}"
    items = []
    for what, path in _named(session, settings, target):
        if isinstance(what, Track):
            alone = make_plan(only_track(session, what.id), plan.codec, plan.grid)
            stream, name, comment = rendered(alone, provide(alone)), f"{title} - {what.name}", codec
        elif what == "mix":
            stream, name, comment = rendered(plan, provide(plan)), title, codec
        elif what == "dry":
            stream, name, comment = dry(DryMix(session, reader)), f"{title} (dry)", f"{made}, dry mix without a codec"
        else:
            stream = difference(plan, provide(plan), DryMix(session, reader))
            name, comment = f"{title} (difference)", f"{codec}, less the dry mix"
        items.append(ExportItem(path, stream, Tags(name, settings.artist, comment)))
    return items


def _named(session: Session, settings: ExportSettings, target: Path) -> list[tuple[str | Track, Path]]:
    """What is written, and where; no two files have one name."""
    wanted: list[tuple[str | Track, str]] = []
    for content, suffix in (("mix", ""), ("dry", " (dry)"), ("difference", " (difference)")):
        if content in settings.contents:
            wanted.append((content, suffix))
    stems = stems_of(session, settings)
    digits = len(str(len(session.tracks)))
    positions = {track.id: number + 1 for number, track in enumerate(session.tracks)}
    for track in stems:
        wanted.append((track, f" - {positions[track.id]:0{digits}d} {_fit(track.name)}".rstrip()))
    if len(wanted) == 1:
        return [(wanted[0][0], target)]
    return [(what, target.with_name(f"{target.stem}{suffix}{target.suffix}")) for what, suffix in wanted]


def _fit(name: str) -> str:
    """A track's name as a part of a file's."""
    clean = _UNFIT.sub("_", name).strip(" .")
    return clean.encode(errors="ignore")[:_NAME_BYTES].decode(errors="ignore")


def check_paths(paths: Sequence[Path], protected: Sequence[Path]) -> None:
    """Raises `ExportError` when there is no file to write, or one would replace a file that it is made of."""
    if not paths:
        raise ExportError("no track is heard: there are no stems to write", "Unmute a track, or write all stems")
    for path in paths:
        refuse_overwriting(protected, path)
