"""The title, description and unit of each preference, and when changes take effect.

The preferences dialog, its search and the table in the manual are made from this table. Types, bounds and defaults are
in `Preferences`. No Qt.
"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from lincae_studio.preferences import Preferences

Page = Literal["General", "Projects", "Engine", "Cache"]

#: When a change takes effect.
IMMEDIATELY = "immediately"
AFTER_RESTART = "after restarting"
NEW_SESSIONS = "in new sessions"


class Preference(Struct, frozen=True):
    """One preference.

    Attributes:
        field: field of `Preferences`.
        takes_effect: when a change takes effect.
        choices: values with their texts; for codecs the dialog finds them.
        unit: unit of a number.
        zero: the meaning of 0, where it has a special one; `empty`: that of an empty text.
    """

    field: str
    page: Page
    title: str
    description: str
    takes_effect: str = IMMEDIATELY
    choices: tuple[tuple[str | int, str], ...] = ()
    unit: str = ""
    zero: str = ""
    empty: str = ""

    @property
    def default(self) -> Any:
        return getattr(Preferences(), self.field)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The smallest and the largest value of a number."""
        found = msgspec.inspect.type_info(_type_of(self.field))
        if isinstance(found, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            assert found.ge is not None, "every number has bounds"
            assert found.le is not None, "every number has bounds"
            return found.ge, found.le
        return None

    @property
    def pattern(self) -> str:
        """The regular expression that a text must match."""
        found = msgspec.inspect.type_info(_type_of(self.field))
        assert isinstance(found, msgspec.inspect.StrType)
        return found.pattern or ""

    @property
    def longest(self) -> int:
        """The greatest length of a text."""
        found = msgspec.inspect.type_info(_type_of(self.field))
        assert isinstance(found, msgspec.inspect.StrType)
        assert found.max_length is not None, "every text has a greatest length"
        return found.max_length


def _type_of(name: str) -> Any:
    return next(field.type for field in msgspec.structs.fields(Preferences) if field.name == name)


PREFERENCES: tuple[Preference, ...] = (
    Preference(
        "theme",
        "General",
        "&Theme",
        "Dark, light, white on black with bright borders, or the same as the desktop.",
        choices=(("dark", "Dark"), ("light", "Light"), ("contrast", "High contrast"), ("system", "Same as desktop")),
    ),
    Preference(
        "wheel",
        "General",
        "Mouse &wheel",
        "What the mouse wheel does over the tracks without a modifier key. With Shift it scrolls in time.",
        choices=(("scroll", "Scrolls the tracks (zooms with Ctrl)"), ("zoom", "Zooms (scrolls the tracks with Ctrl)")),
    ),
    Preference(
        "click_places_playhead",
        "General",
        "A &click on a clip places the playhead",
        "Unless playing. Otherwise a click on a clip only selects it.",
    ),
    Preference(
        "ruler",
        "General",
        "&Ruler units",
        "The units of the ruler; also in View > Ruler Units.",
        choices=(("time", "Time"), ("beats", "Bars and beats"), ("samples", "Samples"), ("frames", "Latent frames")),
    ),
    Preference("follow_playhead", "General", "&Follow the playhead", "Scroll page by page during playback."),
    Preference("snap", "General", "&Snap", "Snap dragged edges to the targets chosen in View > Snap To."),
    Preference("wave_scale", "General", "Waveform sc&ale", "Show a scale in dB beside the waveforms."),
    Preference("linearity_strip", "General", "&Linearity strip", "Show the linearity of each chunk below the ruler."),
    Preference(
        "autosave_minutes",
        "Projects",
        "&Autosave every",
        "How often the whole session is saved to a recovery file, never over the project itself. Every edit is written "
        "to the journal in any case.",
        unit="min",
        zero="never",
    ),
    Preference(
        "sample_rate",
        "Projects",
        "Sample rate of &new sessions",
        "Audio files of other rates are converted. For the open session use Session > Sample Rate.",
        NEW_SESSIONS,
        choices=((44_100, "44.1 kHz"), (48_000, "48 kHz")),
    ),
    Preference(
        "codec",
        "Projects",
        "&Codec",
        "The codec of new sessions. Existing projects keep their own.",
        NEW_SESSIONS,
    ),
    Preference(
        "seed",
        "Projects",
        "&Seed",
        "Seed of the noise that stochastic codecs decode from. The same seed gives the same audio.",
        NEW_SESSIONS,
    ),
    Preference(
        "chunk_frames",
        "Projects",
        "C&hunk length",
        "How many latent frames are decoded at a time. For the open session use Session > Render Settings.",
        NEW_SESSIONS,
        unit="frames",
        zero="codec default",
    ),
    Preference(
        "overlap_frames",
        "Projects",
        "&Overlap",
        "How many latent frames neighbouring chunks share; they are crossfaded there.",
        NEW_SESSIONS,
        unit="frames",
        zero="codec default",
    ),
    Preference(
        "previews",
        "Engine",
        "Play pre&views",
        "Until a chunk is rendered, play a quick decoding of it instead of the dry mix, with codecs for which a "
        "preview is installed.",
    ),
    Preference(
        "device",
        "Engine",
        "&Device",
        "The device that runs neural codecs, on the machine that renders. The built-in codecs always use the CPU.",
        choices=(("auto", "Best available"), ("cpu", "CPU"), ("cuda", "NVIDIA GPU"), ("mps", "Apple GPU")),
    ),
    Preference(
        "precision",
        "Engine",
        "&Precision",
        "Floating-point precision of neural codecs. Automatic: 32-bit encoder, and a 16-bit decoder where the device "
        "supports it natively.",
        choices=(
            ("auto", "Automatic"),
            ("fp32", "32-bit float"),
            ("bf16", "bfloat16"),
            ("fp16", "16-bit float (NVIDIA only)"),
        ),
    ),
    Preference(
        "engine_host",
        "Engine",
        "On another &machine",
        "The machine that renders, by the name that ssh knows: a host, user@host, or a name from ~/.ssh/config. It "
        "needs this version of LinCAE Studio, and a login by key.",
        empty="this computer",
    ),
    Preference(
        "engine_program",
        "Engine",
        "P&rogram there",
        "The command that starts LinCAE Studio on that machine: its path, unless it is found by its name.",
    ),
    Preference(
        "ssh_command",
        "Engine",
        "&SSH command",
        "The command that connects to that machine, with options if it needs any.",
    ),
    Preference(
        "latent_cache_gb",
        "Cache",
        "&Latents on disk",
        "Size limit of the latents of all but built-in codecs; the least recently used are deleted first.",
        unit="GB",
    ),
    Preference(
        "render_cache_gb",
        "Cache",
        "&Renders on disk",
        "Size limit of the saved renders of slow codecs.",
        unit="GB",
    ),
    Preference(
        "latent_memory_mb", "Cache", "Latents in &memory", "Size limit of the latents kept in memory.", unit="MB"
    ),
    Preference(
        "render_memory_mb",
        "Cache",
        "R&enders in memory",
        "Size limit of the renders kept in memory: about 1.5 GB for an hour of stereo. Above it, those farthest from "
        "the playhead are dropped, and rendered again when they are needed.",
        unit="MB",
    ),
    Preference(
        "sent_media_gb",
        "Cache",
        "&Audio on another machine",
        "Size limit, on the machine that renders, of the audio that was sent to it; the least recently used is deleted "
        "first.",
        unit="GB",
    ),
    Preference(
        "cache_folder",
        "Cache",
        "&Folder",
        "For conformed audio, latents and renders, all of which can be recreated. Empty: the system's cache folder.",
        AFTER_RESTART,
        empty="system default",
    ),
)


def choices_of(preference: Preference) -> tuple[object, ...]:
    """The possible values of a preference with choices, in the order of its type; empty for other types."""
    kind = _type_of(preference.field)
    return get_args(kind) if get_origin(kind) is Literal else ()


def manual_lines() -> list[str]:
    """The rows of the table of preferences in the manual."""
    rows = ["| Preference | Default | Takes effect | |", "| --- | --- | --- | --- |"]
    for preference in PREFERENCES:
        default = preference.default
        texts = dict(preference.choices)
        if isinstance(default, bool):
            shown = "on" if default else "off"
        elif default in (0, "") and (preference.zero or preference.empty):
            shown = preference.zero or preference.empty
        else:
            shown = texts.get(default, f"{default} {preference.unit}".strip()) or "empty"
        bounds = preference.bounds
        span = f" {bounds[0]:,.10g} to {bounds[1]:,.10g} {preference.unit}".rstrip() + "." if bounds else ""
        title = preference.title.replace("&", "")
        text = f"{preference.description}{span}"
        rows.append(f"| {preference.page}: {title} | {shown} | {preference.takes_effect} | {text} |")
    return rows
