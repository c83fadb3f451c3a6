"""Writing a session as a DAWproject. Any thread."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import soundfile as sf

from lincae_studio import __version__, atomic, bounded
from lincae_studio.errors import MediaError, ProjectError, os_error_reason
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.dawproject.envelopes import amplitude_lines
from lincae_studio.media.dawproject.names import (
    AUDIO_FOLDER,
    METADATA,
    PROJECT,
    file_name,
    names_to_try,
    xml_text,
)
from lincae_studio.media.formats import WAV_LIMIT_BYTES
from lincae_studio.media.probe import probe
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore
from lincae_studio.session.digests import plain, rate_of
from lincae_studio.session.model import MAX_GAIN, Clip, Master, Media, Session, Track
from lincae_studio.session.processes import words
from lincae_studio.session.regions import all_regions

_BLOCK_FRAMES = 1 << 16

#: The top of the faders of many programs: 6 dB above unity.
_COMMON_TOP = 2.0

#: Audio formats that most DAWs read.
_COMMON_SUFFIXES = frozenset({".wav", ".wave", ".aif", ".aiff", ".flac", ".mp3", ".ogg"})

_MASTER = "master-channel"


def write_dawproject(
    session: Session,
    store: MediaStore,
    path: Path,
    title: str,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> list[str]:
    """Write a session and its audio as a DAWproject, replacing an existing file only once the new one is complete.

    An audio file that is unchanged and used with all its channels is copied as it is; otherwise the audio is written
    from the store as 32-bit float WAV at the session rate. Times are written in seconds, faders as amplitude factors,
    pans from 0 to 1. In the format automation replaces the fader, so volume envelopes are multiplied by the fader, and
    pan envelopes are added to the pan and limited to its range. Clip gain is written as a gain expression beside the
    audio of the clip.

    Returns:
        Notes for the user on what the format or other programs do not support.

    Raises:
        MediaError: when audio is neither on the disk nor in the store, or a file changes while it is being copied.
        ProjectError: when the file cannot be written.
        Cancelled: when `cancel` was set. After any of these an existing file is unchanged.
    """
    cancel = cancel or CancelToken()
    media_files = session.used_media()
    notes = list(_notes(session))
    audio: dict[str, Element] = {}
    try:
        with (
            atomic.replacing(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            names: set[str] = set()
            for number, media in enumerate(media_files):
                progress(Progress(number, len(media_files), name_of(media)))
                cancel.check()
                audio[media.digest] = _embedded(archive, store, media, path.parent, names, notes, cancel)
            metadata = Element("MetaData")
            SubElement(metadata, "Title").text = xml_text(title)
            for name, root in ((METADATA, metadata), (PROJECT, _project(session, audio))):
                ElementTree.indent(root)
                text = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
                archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
            progress(Progress(len(media_files), max(1, len(media_files)), "written"))
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot write {path}: {reason}", remedy) from error
    return notes


def _embedded(
    archive: zipfile.ZipFile,
    store: MediaStore,
    media: Media,
    folder: Path,
    names: set[str],
    notes: list[str],
    cancel: CancelToken,
) -> Element:
    """Add an audio file to the archive. Returns the element to put into clips."""
    plainly = media.original is None and media.derived is None and not media.channel_selection
    as_file = plainly and store.file_state(media, cancel) == "here"
    name = file_name(name_of(media))
    if not as_file:
        name = f"{PurePosixPath(name).stem}.wav"
    name = next(name for name in names_to_try(name, media.digest) if name.casefold() not in names)
    names.add(name.casefold())
    member = f"{AUDIO_FOLDER}/{name}"
    if as_file:
        info = probe(Path(media.path))
        rate, channels, seconds = info.sample_rate, info.channels, info.length / info.sample_rate
        _copy(archive, Path(media.path), member, cancel, plain(media.digest))
        if PurePosixPath(name).suffix.lower() not in _COMMON_SUFFIXES:
            notes.append(f"few programs can read the format of {name}")
    else:
        rate, channels = rate_of(media.digest), media.channels
        seconds = media.length / rate
        with atomic.temporary(folder) as temporary:
            _write_wav(store, media, temporary, cancel)
            _copy(archive, temporary, member, cancel)
        if media.derived is not None:
            notes.append(f"{name} has the processing of its clips ({', '.join(map(words, media.chain))})")
        elif media.original is not None:
            notes.append(f"{name} is audio decoded from latents")
        elif media.channel_selection:
            notes.append(f"{name} has only the selected channels of its file ({media.channel_selection})")
        else:
            notes.append(f"{name} was written from the cache, because its file is missing or has changed")
    return _audio(member, rate, channels, seconds)


def _copy(archive: zipfile.ZipFile, source: Path, member: str, cancel: CancelToken, expected: str = "") -> None:
    digest, info = hashlib.sha256(), zipfile.ZipInfo(member)
    with _reading(source):
        reading = bounded.open_regular(source)  # not `with`: errors of reading and of writing concern different files
        # Decides whether ZIP64 is needed, which not every program can read.
        info.file_size = os.fstat(reading.fileno()).st_size
    blocks = bounded.blocks_of(reading)
    with reading, archive.open(info, "w") as writing:
        while True:
            cancel.check()
            with _reading(source):
                data = next(blocks, b"")
            if not data:
                break
            digest.update(data)
            writing.write(data)
    if expected and digest.hexdigest() != expected:
        raise MediaError(f"{source} was changed while it was being copied", "Try again")


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason, remedy = os_error_reason(error, source)
        raise MediaError(f"cannot read {source}: {reason}", remedy) from error


def _write_wav(store: MediaStore, media: Media, target: Path, cancel: CancelToken) -> None:
    """Write audio from the store as 32-bit float at the session rate."""
    if media.derived is not None:
        store.ensure(media, cancel=cancel)
    conformed = store.get(media.digest)
    if conformed is None or not store.is_whole(media.digest, cancel):
        problem = "is missing" if conformed is None else "is missing, and its audio in the cache is damaged"
        remedy = "Decode its latents first" if media.original is not None else "Locate it, or delete its clips"
        raise MediaError(f"{name_of(media)} {problem}", remedy)
    kind = "RF64" if conformed.samples.nbytes > WAV_LIMIT_BYTES else "WAV"
    try:
        rate = rate_of(media.digest)
        with sf.SoundFile(target, "w", rate, conformed.channels, subtype="FLOAT", format=kind) as file:
            for start in range(0, conformed.length, _BLOCK_FRAMES):
                cancel.check()
                file.write(conformed.frames(start, start + _BLOCK_FRAMES))
    except sf.LibsndfileError as error:
        raise OSError(f"the audio of {name_of(media)} cannot be written ({error.error_string})") from error


def _project(session: Session, audio: dict[str, Element]) -> Element:
    """The XML of the project, with its elements in the order of the schema."""
    root = Element("Project", version="1.0")
    SubElement(root, "Application", name="LinCAE Studio", version=__version__)
    transport = SubElement(root, "Transport")
    if session.tempo is not None:
        tempo = {"unit": "bpm", "value": _number(session.tempo.bpm), "min": "20", "max": "400"}
        SubElement(transport, "Tempo", tempo, id="tempo", name="Tempo")
        beats, unit = str(session.tempo.beats), str(session.tempo.unit)
        SubElement(transport, "TimeSignature", numerator=beats, denominator=unit, id="signature")
    structure = SubElement(root, "Structure")
    elements = {0: structure}
    for track in session.tracks:
        elements[track.id] = _strip(track, track.id in session.group_ids)
        elements[track.parent].append(elements[track.id])
    master = SubElement(structure, "Track", contentType="audio notes", loaded="true", id="master", name="Master")
    _channel(master, "master", _MASTER, "master", session.master.gain, 0.0, _top(session.master))
    arrangement = SubElement(root, "Arrangement", id="arrangement")
    lanes = SubElement(arrangement, "Lanes", timeUnit="seconds", id="lanes")
    for track in session.tracks:
        lanes.append(_lane(track, audio, session.rate))
    if session.master.gain_points:
        lane = SubElement(lanes, "Lanes", track="master", id="master-lanes")
        lane.append(_volume("master", session.master, session.rate))
    if session.markers:
        markers = SubElement(arrangement, "Markers", timeUnit="seconds", id="markers")
        for marker in session.markers:
            SubElement(markers, "Marker", time=_number(marker.at / session.rate), name=xml_text(marker.name))
    SubElement(root, "Scenes")
    return root


def _strip(track: Track, is_group: bool) -> Element:
    """A track, or a group, whose channel is that of its sum."""
    name = f"track-{track.id}"
    content = ("audio tracks" if track.clips else "tracks") if is_group else "audio"
    element = Element(
        "Track", contentType=content, loaded="true", id=name, name=xml_text(track.name), color=track.color
    )
    role = "master" if is_group else "regular"
    channel = _channel(element, name, f"{name}-channel", role, track.gain, track.pan, _top(track), track.mute)
    channel.set("destination", f"track-{track.parent}-channel" if track.parent else _MASTER)
    channel.set("solo", _flag(track.solo))
    return element


def _channel(
    track: Element, name: str, channel_id: str, role: str, gain: float, pan: float, top: float, mute: bool = False
) -> Element:
    channel = SubElement(track, "Channel", audioChannels="2", role=role, solo="false", id=channel_id)
    SubElement(channel, "Mute", value=_flag(mute), id=f"{name}-mute", name="Mute")
    ends = {"min": "0", "max": "1", "unit": "normalized"}
    SubElement(channel, "Pan", ends, value=_pan(pan), id=f"{name}-pan", name="Pan")
    ends = {"min": "0", "max": _number(top), "unit": "linear"}
    SubElement(channel, "Volume", ends, value=_number(gain), id=f"{name}-volume", name="Volume")
    return channel


def _top(strip: Track | Master, least: float = MAX_GAIN) -> float:
    """The highest volume of a track or the master, but at least `least`."""
    return max([least, strip.gain, *(strip.gain * point.value for point in strip.gain_points)])


def _lane(track: Track, audio: dict[str, Element], rate: int) -> Element:
    name = f"track-{track.id}"
    lane = Element("Lanes", track=name, id=f"{name}-lanes")
    clips = SubElement(lane, "Clips", id=f"{name}-clips")
    for clip in track.clips:
        clips.append(_clip(clip, copy.deepcopy(audio[clip.media]), rate))
    if track.gain_points:
        lane.append(_volume(name, track, rate))
    if track.pan_points:
        places = [(point.at, _pan(min(max(track.pan + point.value, -1.0), 1.0))) for point in track.pan_points]
        lane.append(_points(f"{name}-pan", "normalized", places, rate))
    return lane


def _volume(name: str, strip: Track | Master, rate: int) -> Element:
    """The automation of a fader."""
    levels = [(point.at, _number(strip.gain * point.value)) for point in amplitude_lines(strip.gain_points)]
    return _points(f"{name}-volume", "linear", levels, rate)


def _clip(clip: Clip, audio: Element, rate: int) -> Element:
    start, length, offset, fade_in, fade_out = (
        _number(samples / rate) for samples in (clip.start, clip.length, clip.offset, clip.fade_in, clip.fade_out)
    )
    element = Element(
        "Clip",
        time=start,
        duration=length,
        contentTimeUnit="seconds",
        playStart=offset,
        fadeTimeUnit="seconds",
        fadeInTime=fade_in,
        fadeOutTime=fade_out,
        enable=_flag(not clip.mute),
        name=xml_text(clip.name),
    )
    if clip.color is not None:
        element.set("color", clip.color)
    if clip.gain == 1.0:
        element.append(audio)
        return element
    lanes = SubElement(element, "Lanes", id=f"clip-{clip.id}")
    lanes.append(audio)
    points = SubElement(lanes, "Points", unit="linear", id=f"clip-{clip.id}-gain")
    SubElement(points, "Target", expression="gain")
    SubElement(points, "RealPoint", time="0.0", value=_number(clip.gain), interpolation="hold")
    return element


def _audio(member: str, rate: int, channels: int, seconds: float) -> Element:
    element = Element(
        "Audio", timeUnit="seconds", sampleRate=str(rate), channels=str(channels), duration=_number(seconds)
    )
    SubElement(element, "File", path=member, external="false")
    return element


def _points(parameter: str, unit: str, values: list[tuple[int, str]], rate: int) -> Element:
    points = Element("Points", timeUnit="seconds", unit=unit, id=f"{parameter}-points")
    SubElement(points, "Target", parameter=parameter)
    for at, value in values:
        SubElement(points, "RealPoint", time=_number(at / rate), value=value, interpolation="linear")
    return points


def _number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(float(value))


def _pan(pan: float) -> str:
    return _number((pan + 1.0) / 2.0)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _notes(session: Session) -> Iterator[str]:
    """What gets lost, most audible first."""
    yield f"other programs mix the audio directly: codec {session.codec}, seed and chunk settings are not written"
    subtracted = [f"“{track.name}”" for track in session.tracks if track.subtract]
    if subtracted:
        yield f"polarity cannot be written: invert the subtracted tracks there ({', '.join(subtracted)})"
    clips = list(session.clips())
    if any(clip.gain != 1.0 for clip in clips):
        yield "clip gains are written as expressions, which not every program reads"
    if any(
        (clip.fade_in and clip.fade_in_shape != "linear") or (clip.fade_out and clip.fade_out_shape != "linear")
        for clip in clips
    ):
        yield "fade shapes cannot be written, only fade lengths"
    if any(_overlapping(track) for track in session.tracks):
        yield "overlapping clips on a track are mixed here; other programs may cut one of them"
    strips: list[Track | Master] = [*session.tracks, session.master]
    if any(len(amplitude_lines(strip.gain_points)) > len(strip.gain_points) for strip in strips):
        yield "points are added to volume envelopes, whose lines are straight in amplitude in other programs"
    if any(_top(strip, least=0.0) > _COMMON_TOP for strip in strips):
        yield "levels above +6 dB may be limited by other programs"
    if session.snapshots:
        morph = ", nor the morph between them: the faders are written as they are" if session.morphed else ""
        yield f"snapshots of the mixer cannot be written{morph}"
    if any(True for _ in all_regions(session)):
        yield "regions of latents cannot be written: the audio has what they turn down"
    if any(track.insert for track in session.tracks):
        yield "inserts cannot be written: the audio is without what operators do to it"
    if session.loop is not None:
        yield "the loop cannot be written"
    if any(marker.length for marker in session.markers):
        yield "sections are written as markers, without their ends"
    if session.tempo is not None and session.tempo.start:
        yield "bar 1 will be at the start of the timeline"
    if any(track.clips for track in session.tracks if track.id in session.group_ids):
        yield "clips on groups themselves may be left out by other programs: move them to a track in the group"
    if any(clip.group for clip in clips):
        yield "clip groups cannot be written"
    names = [*(track.name for track in session.tracks), *(clip.name for clip in clips)]
    names += [marker.name for marker in session.markers]
    if any(xml_text(name) != name for name in names):
        yield "characters that are not allowed in XML are removed from names"


def _overlapping(track: Track) -> bool:
    """Whether any two clips overlap; clips are sorted by start."""
    end = 0
    for clip in track.clips:
        if clip.start < end:
            return True
        end = clip.end
    return False
