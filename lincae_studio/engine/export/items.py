"""The files of an export: their names, contents and tags. Pure functions, apart from the streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from lincae_studio import __version__
from lincae_studio.defaults import is_untitled
from lincae_studio.engine.export.writer import ExportItem, refuse_overwriting
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.averaging import Averaged
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.streams import ProvideChunk, difference, dry, rendered
from lincae_studio.errors import ExportError
from lincae_studio.export_settings import ExportSettings
from lincae_studio.media.writer import Tags
from lincae_studio.session.excerpt import only_group, only_track
from lincae_studio.session.model import MAX_LENGTH, Marker, Session, Track

#: Characters that some file systems do not allow in names.
_INVALID = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')

#: Maximum length of a track's name in a file name, in bytes.
_NAME_BYTES = 100

#: Returns the provider of the chunks of a plan.
Provide = Callable[[Plan], ProvideChunk]


class Part(Struct, frozen=True):
    """Samples `[start, end)` of the timeline that are written to files of their own.

    Attributes:
        target: the first of these files; the names of the others derive from it.
        name: of the section; empty if there is one part only.
    """

    target: Path
    start: int
    end: int
    name: str = ""

    def title(self, title: str) -> str:
        """The title of this part of a session with a title, for the tags."""
        return " - ".join(filter(None, (title, self.name)))


def parts_of(
    session: Session, settings: ExportSettings, target: Path, selection: tuple[int, int] | None = None
) -> list[Part]:
    """The parts of an export: each section, if those are exported, or all of the span.

    Raises:
        ExportError: as `span_of`.
    """
    start, end = span_of(session, settings, selection)
    if settings.span != "sections":
        return [Part(target, start, end)]
    tail = round(settings.tail_s * session.rate)
    sections = zip(_sections(session), _targets(session, settings, target), strict=True)
    return [Part(path, one.at, min(one.end + tail, MAX_LENGTH), one.name) for one, path in sections]


def _sections(session: Session) -> list[Marker]:
    return [marker for marker in session.markers if marker.length]


def _targets(session: Session, settings: ExportSettings, target: Path) -> list[Path]:
    """The first file of each part."""
    if settings.span != "sections":
        return [target]
    names = [_file_name(section.name) for section in _sections(session)]
    digits = len(str(len(names)))
    return [
        target.with_name(f"{target.stem} - {number:0{digits}d} {name}".rstrip() + target.suffix)
        for number, name in enumerate(names, 1)
    ]


def span_of(session: Session, settings: ExportSettings, selection: tuple[int, int] | None = None) -> tuple[int, int]:
    """The samples `[start, end)` from first to last that an export covers, including its tail.

    Args:
        selection: a range of timeline samples.

    Raises:
        ExportError: when the loop, section or selection to export does not exist, or there is nothing to export.
    """
    start, end = 0, session.length
    if settings.span == "loop":
        if session.loop is None:
            raise ExportError("there is no loop to export", "Shift+drag on the ruler to set one, or export everything")
        start, end = session.loop.start, session.loop.end
    elif settings.span == "sections":
        sections = _sections(session)
        if not sections:
            raise ExportError("there is no section to export", "Select time and press Shift+R, or export everything")
        start, end = sections[0].at, max(section.end for section in sections)
    elif settings.span == "selection":
        if selection is None:
            raise ExportError("nothing is selected", "Select clips or time, or export everything")
        start, end = selection
    if end <= start:
        raise ExportError("there is nothing to export", "Add at least one clip")
    return start, min(end + round(settings.tail_s * session.rate), MAX_LENGTH)


def stems_of(session: Session, settings: ExportSettings) -> list[Track]:
    """The tracks or groups that are written as stems, each to its own file. All audible ones add up to the mix."""
    if "tracks" not in settings.contents:
        return []
    if settings.stems == "groups":
        heard = {track.id for track in session.tracks if track.clips and session.audible(track)}
        return [one for one in session.tracks if not one.parent and heard & session.within({one.id})]
    return [track for track in session.tracks if track.clips and (settings.stems == "all" or session.audible(track))]


def stem_of(session: Session, track_id: int, settings: ExportSettings) -> Session:
    """The session with only one of the stems audible."""
    return (only_group if settings.stems == "groups" else only_track)(session, track_id)


def paths_of(session: Session, settings: ExportSettings, target: Path) -> list[Path]:
    """The paths of all files of an export; in each part the mix, or a single file, has the target's name."""
    return [
        path
        for part in _targets(session, settings, target)
        for path in (*(path for _, path in _contents(session, settings, part)), *latent_paths(settings, part))
    ]


def latent_paths(settings: ExportSettings, target: Path) -> list[Path]:
    """The path of the file of latents, if the export includes one."""
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
    averaged: Averaged | None = None,
) -> list[ExportItem]:
    """The audio files of an export, or of a part of it.

    Args:
        plan: the plan of the session.
        target: the chosen file; if there are several, they are in its folder and their names derive from it.
        title: title of the session, for the tags; if empty, that of `default_title`.
        reader: reads the audio for the dry mix.
        averaged: averages decodes of codecs that decode from noise; the mix is measured.
    """
    made = f"LinCAE Studio {__version__}"
    arithmetic = f", {plan.codec.arithmetic}" if plan.codec.arithmetic else ""
    codec = f"{made}, codec {plan.codec.title} ({plan.codec.identity}{arithmetic}), seed {session.seed}"
    if averaged is not None and plan.codec.stochastic:
        codec += f", mean of {averaged.decodes} decodes"

    def decoded(one: Plan, against: DryMix | None = None) -> ProvideChunk:
        return provide(one) if averaged is None else averaged.provider(one, provide(one), against)

    title = title or default_title(target)
    items = []
    for content, path in _contents(session, settings, target):
        if isinstance(content, Track):
            alone = make_plan(stem_of(session, content.id, settings), plan.codec, plan.grid)
            name = f"{title} - {content.name}" if title else content.name
            stream, comment = rendered(alone, decoded(alone)), codec
        elif content == "mix":
            mix = DryMix(session, reader) if averaged is not None and plan.codec.stochastic else None
            stream, name, comment = rendered(plan, decoded(plan, mix)), title, codec
        elif content == "dry":
            stream, name = dry(DryMix(session, reader)), f"{title} (dry)".strip()
            comment = f"{made}, dry mix without a codec"
        else:
            stream = difference(plan, decoded(plan), DryMix(session, reader))
            name, comment = f"{title} (difference)".strip(), f"{codec}, minus the dry mix"
        items.append(ExportItem(path, stream, Tags(name, settings.artist, comment)))
    return items


def default_title(target: Path) -> str:
    """The title for the tags of an export without one: the name of its file, unless that is a default one, too."""
    return "" if is_untitled(target.stem) else target.stem


def _contents(session: Session, settings: ExportSettings, target: Path) -> list[tuple[str | Track, Path]]:
    """The contents and paths of the audio files; no two files have the same name."""
    found: list[tuple[str | Track, str]] = []
    for content, suffix in (("mix", ""), ("dry", " (dry)"), ("difference", " (difference)")):
        if content in settings.contents:
            found.append((content, suffix))
    stems = stems_of(session, settings)
    digits = len(str(len(session.tracks)))
    positions = {track.id: number + 1 for number, track in enumerate(session.tracks)}
    for track in stems:
        found.append((track, f" - {positions[track.id]:0{digits}d} {_file_name(track.name)}".rstrip()))
    if len(found) == 1:
        return [(found[0][0], target)]
    return [(content, target.with_name(f"{target.stem}{suffix}{target.suffix}")) for content, suffix in found]


def _file_name(name: str) -> str:
    """A track's name, made suitable for a file name."""
    clean = _INVALID.sub("_", name).strip(" .")
    return clean.encode(errors="ignore")[:_NAME_BYTES].decode(errors="ignore")


def check_paths(paths: Sequence[Path], protected: Sequence[Path]) -> None:
    """Raises `ExportError` when there is no file to write, or one would replace an input of the export."""
    if not paths:
        raise ExportError("there are no stems to write: no track can be heard", "Unmute a track, or write all stems")
    for path in paths:
        refuse_overwriting(protected, path)
