"""The user's preferences on this computer: typed, in one human-readable file. No Qt.

A field that is missing from the file, or has a value that is not valid, gets its default. Fields that other versions of
the program wrote are kept in the file.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from lincae_studio import atomic, bounded, paths, private
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import PreferencesError, os_error_reason
from lincae_studio.export_settings import ExportSettings

_log = logging.getLogger(__name__)

#: Larger than any preferences file.
_MAX_BYTES = 1_000_000

Theme = Literal["dark", "light", "contrast", "system"]

#: Units of the ruler: minutes and seconds, bars and beats, samples, or latent frames of the session's codec.
RulerUnit = Literal["time", "beats", "samples", "frames"]

#: What edges snap to: other clips, the playhead, markers and the loop, the ticks of the ruler, the starts of latent
#: frames, whole steps of the chunk grid.
SnapTarget = Literal["clips", "playhead", "markers", "grid", "frames", "steps"]

#: What moves along with an edit: nothing, everything later on the same track, or on all tracks.
RippleMode = Literal["off", "track", "all"]

#: Views besides the tracks and the mix.
ViewName = Literal["heatmap", "spectrogram", "linearity", "trajectory", "levels"]

#: What the mouse wheel does without a modifier key: scroll the tracks, or zoom.
Wheel = Literal["scroll", "zoom"]

#: Whose default keys the commands have: this program's, or those of another one.
ShortcutPreset = Literal["lincae", "audacity", "reaper", "ardour"]

#: Device and precision of neural codecs.
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

Gigabytes = Annotated[float, Meta(ge=0.1, le=10_000.0)]

#: Monitoring level, in dB; it does not affect exports.
OutputLevel = Annotated[float, Meta(ge=-60.0, le=0.0)]

DeviceName = Annotated[str, Meta(max_length=400)]

#: A path; no system allows NUL in one.
PathText = Annotated[str, Meta(max_length=4096, pattern=r"^[^\0]*$")]

#: A machine as ssh names it; never one of its options, which begin with a hyphen.
HOST_PATTERN = r"^([^-\s\x00-\x1f][^\s\x00-\x1f]*)?$"

HostName = Annotated[str, Meta(max_length=255, pattern=HOST_PATTERN)]

#: A command with arguments, in one line.
CommandText = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*$")]

Keys = Annotated[tuple[Annotated[str, Meta(max_length=60)], ...], Meta(max_length=4)]


class Preferences(Struct, frozen=True, kw_only=True):
    """Every preference with its default.

    Attributes:
        click_places_playhead: whether a click that selects a clip also moves the playhead there.
        snap: whether edges snap; `snap_to`: to what.
        ripple: what follows an edit of clips or of time.
        overview: whether the overview of the session is shown below the tracks.
        views: the visible views.
        header_px: width of the column of track headers.
        heatmap_level: the half range that the heatmap's colours are fixed to; 0 if they follow the latents.
        autosave_minutes: interval at which the whole session is written for recovery; 0 for never. Every edit is
            written to the journal in any case.
        sample_rate, codec, seed, chunk_frames, overlap_frames: defaults of new sessions.
        previews: whether chunks of codecs with a preview are heard as previews until they are rendered.
        device, precision: for neural codecs.
        engine_host: the machine that renders; "" for this one. `engine_program`, `ssh_command`: the commands that start
            the engine there, and connect to it.
        sent_media_gb: upper limit of the audio that is kept there.
        latent_cache_gb, render_cache_gb, latent_memory_mb, render_memory_mb: upper limits; `cache_folder`: "" for the
            system default.
        recent: recent project files, newest first.
        audio_host, audio_device: names from PortAudio; "" for the system default.
        audio_buffer: buffer size in frames; 0 for the device's default.
        export: the last export settings; `export_presets`: the user's presets, by name.
        welcomed: whether the welcome panel has been shown at a start.
        shortcuts: changed keyboard shortcuts, by command id; an empty list removes the shortcut. They override those of
            `shortcut_preset`.
    """

    theme: Theme = "dark"
    ruler: RulerUnit = "time"
    wheel: Wheel = "scroll"
    click_places_playhead: bool = True
    follow_playhead: bool = True
    snap: bool = True
    ripple: RippleMode = "off"
    linearity_strip: bool = False
    overview: bool = False
    wave_scale: bool = True
    views: tuple[ViewName, ...] = ("heatmap",)
    heatmap_level: Annotated[float, Meta(ge=0.0, le=1e9)] = 0.0
    header_px: Annotated[int, Meta(ge=100, le=2000)] = 320
    snap_to: tuple[SnapTarget, ...] = ("clips", "playhead", "markers")
    autosave_minutes: Annotated[float, Meta(ge=0.0, le=120.0)] = 2.0
    sample_rate: Literal[44_100, 48_000] = 44_100
    codec: Annotated[str, Meta(min_length=1, max_length=200)] = DEFAULT_CODEC
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    chunk_frames: Annotated[int, Meta(ge=0, le=4096)] = 0
    overlap_frames: Annotated[int, Meta(ge=0, le=4096)] = 0
    previews: bool = True
    device: Device = "auto"
    precision: Precision = "auto"
    engine_host: HostName = ""
    engine_program: CommandText = "lincae-studio"
    ssh_command: CommandText = "ssh"
    sent_media_gb: Gigabytes = 8.0
    latent_cache_gb: Gigabytes = 4.0
    render_cache_gb: Gigabytes = 4.0
    latent_memory_mb: Annotated[int, Meta(ge=16, le=65_536)] = 512
    render_memory_mb: Annotated[int, Meta(ge=64, le=65_536)] = 3200
    cache_folder: PathText = ""
    recent: Annotated[tuple[PathText, ...], Meta(max_length=20)] = ()
    audio_host: DeviceName = ""
    audio_device: DeviceName = ""
    audio_buffer: Annotated[int, Meta(ge=0, le=65_536)] = 0
    output_level_db: OutputLevel = 0.0
    welcomed: bool = False
    shortcut_preset: ShortcutPreset = "lincae"
    shortcuts: dict[str, Keys] = {}
    export: ExportSettings = ExportSettings()
    export_presets: Annotated[dict[str, ExportSettings], Meta(max_length=100)] = {}


def load(path: Path) -> Preferences:
    """Read the preferences file; without one, return the defaults.

    Raises:
        PreferencesError: when it cannot be read or is not a preferences file; it is left unchanged.
    """
    return _typed(_read(path))


def save(preferences: Preferences, path: Path, only: Collection[str] | None = None) -> None:
    """Write the preferences file, keeping other fields in it; an unreadable file is renamed and kept.

    Args:
        only: the fields to write if there is a file, since another window may have set others. None writes all.

    Raises:
        PreferencesError: when it cannot be written; an existing file is unchanged.
    """
    try:
        others = _read(path)
    except PreferencesError:  # already reported when it was loaded
        others = {}
        with contextlib.suppress(OSError):
            os.replace(path, path.with_name(f"{path.stem}.unreadable{path.suffix}"))
    chosen = msgspec.to_builtins(preferences)
    if only is not None and others:
        chosen = {name: value for name, value in chosen.items() if name in only}
    content = others | chosen
    try:
        private.make(path.parent, tighten=False, checked=False)
        atomic.write_bytes(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise PreferencesError(f"cannot save the preferences in {path}: {reason}", remedy) from error


def cache_dir() -> Path:
    """The cache folder: from the environment, else from the preferences, else the system default."""
    if "LINCAE_STUDIO_CACHE" in os.environ:
        return paths.cache_dir()
    try:
        chosen = load(paths.preferences_file()).cache_folder
    except PreferencesError:
        chosen = ""
    expanded = os.path.expanduser(chosen)
    # A relative path would depend on where the program is started.
    return Path(expanded) if os.path.isabs(expanded) else paths.cache_dir()


def make_cache_dir(folder: Path) -> None:
    """Create the cache folder. Raises `PreferencesError`, which says where to choose another."""
    try:
        private.make(folder, tighten=False, checked=False)
    except (OSError, ValueError) as error:
        reason = os_error_reason(error, folder)[0] if isinstance(error, OSError) else "it is not a valid path"
        remedy = "Choose another one in Edit > Preferences > Cache, or in the environment variable LINCAE_STUDIO_CACHE"
        if "LINCAE_STUDIO_CACHE" in os.environ:
            remedy = "Set the environment variable LINCAE_STUDIO_CACHE, which names it, to another one"
        raise PreferencesError(f"the cache folder {folder} cannot be created: {reason}", remedy) from error


def computing() -> tuple[Device, Precision]:
    """The preferred device and precision of neural codecs."""
    try:
        chosen = load(paths.preferences_file())
    except PreferencesError:
        chosen = Preferences()
    return chosen.device, chosen.precision


def cache_bytes() -> tuple[int, int]:
    """The preferred size limits of latents and renders on disk, in bytes."""
    try:
        chosen = load(paths.preferences_file())
    except PreferencesError:
        chosen = Preferences()
    return round(chosen.latent_cache_gb * 1e9), round(chosen.render_cache_gb * 1e9)


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(bounded.read(path, _MAX_BYTES), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise PreferencesError(
                f"the preferences in {path} cannot be read: {error.strerror}", _remedy(path)
            ) from error
        reason, remedy = os_error_reason(error, path)
        raise PreferencesError(f"the preferences in {path} cannot be read: {reason}", remedy) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PreferencesError(f"the preferences in {path} cannot be read: {error}", _remedy(path)) from error


def _remedy(path: Path) -> str:
    return f"The defaults are used; repair or delete {path.name}"


def _typed(content: dict[str, Any]) -> Preferences:
    good: dict[str, Any] = {}
    for field in msgspec.structs.fields(Preferences):
        if field.name not in content:
            continue
        try:
            good[field.name] = msgspec.convert(content[field.name], field.type)
        except msgspec.ValidationError as error:
            _log.warning("the preference %s is not valid, so its default is used: %s", field.name, error)
    return Preferences(**good)
