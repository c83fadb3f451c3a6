"""What each preference is called, what it means, its unit, and when it holds: the dialog, its search, and the manual
are made of this table. Types, bounds and defaults are those of `Preferences`. Nothing of Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec

from lincae_studio.preferences import Preferences

Page = Literal["General", "Projects", "Rendering", "Cache"]

#: When a change holds.
AT_ONCE = "at once"
NEXT_START = "with the next start"
NEW_SESSIONS = "for new sessions"


@dataclass(frozen=True)
class Preference:
    """One preference.

    Attributes:
        field: of `Preferences`.
        choices: texts of a choice's values; those of codecs and folders are found out by the dialog.
        unit: of a number.
        zero: what 0 means, where it means something else than a number.
    """

    field: str
    page: Page
    title: str
    description: str
    holds: str = AT_ONCE
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    zero: str = ""

    @property
    def default(self) -> Any:
        return getattr(Preferences(), self.field)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the largest value of a number."""
        kind = next(field.type for field in msgspec.structs.fields(Preferences) if field.name == self.field)
        found = msgspec.inspect.type_info(kind)
        if isinstance(found, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            assert found.ge is not None, "every number has bounds"
            assert found.le is not None, "every number has bounds"
            return found.ge, found.le
        return None


PREFERENCES: tuple[Preference, ...] = (
    Preference(
        "theme",
        "General",
        "&Theme",
        "Dark, light, or what the desktop has.",
        choices=(("dark", "Dark"), ("light", "Light"), ("system", "As the desktop")),
    ),
    Preference(
        "wheel",
        "General",
        "The mouse &wheel",
        "What the wheel does over the tracks without a key; Shift scrolls in time.",
        choices=(("scroll", "Scrolls the tracks (zooms with Ctrl)"), ("zoom", "Zooms (scrolls the tracks with Ctrl)")),
    ),
    Preference(
        "ruler",
        "General",
        "The &ruler counts",
        "Also in View > Count In.",
        choices=(("time", "Time"), ("beats", "Bars and beats"), ("samples", "Samples"), ("frames", "Latent frames")),
    ),
    Preference("follow_playhead", "General", "&Follow the playhead", "While playing, the view turns its pages."),
    Preference("snap", "General", "&Snap", "Edges that are dragged snap to what View > Snap To names."),
    Preference("linearity_strip", "General", "&Linearity strip", "Show over the ruler how linear each chunk is."),
    Preference(
        "autosave_minutes",
        "Projects",
        "&Autosave every",
        "How often the whole session is written beside the journal, to a side file, never over the project. Every "
        "single edit goes to the journal in any case.",
        unit="min",
        zero="never",
    ),
    Preference(
        "codec",
        "Projects",
        "&Codec",
        "What a new session is mixed with; an opened project keeps its own.",
        NEW_SESSIONS,
    ),
    Preference(
        "seed",
        "Projects",
        "&Seed",
        "Chooses the noise that stochastic codecs decode from; the same seed gives the same audio.",
        NEW_SESSIONS,
    ),
    Preference(
        "chunk_frames",
        "Projects",
        "C&hunk length",
        "Latent frames that are decoded at once; in Session > Render Settings for the open session.",
        NEW_SESSIONS,
        unit="frames",
        zero="the codec's own",
    ),
    Preference(
        "overlap_frames",
        "Projects",
        "&Overlap",
        "Latent frames that neighbouring chunks share, and over which they are crossfaded.",
        NEW_SESSIONS,
        unit="frames",
        zero="the codec's own",
    ),
    Preference(
        "device",
        "Rendering",
        "&Device",
        "Where neural codecs compute. The built-in codecs always use the processor.",
        choices=(("auto", "The best there is"), ("cpu", "Processor"), ("cuda", "NVIDIA GPU"), ("mps", "Apple GPU")),
    ),
    Preference(
        "precision",
        "Rendering",
        "&Precision",
        "Of neural codecs' arithmetic. Automatic: encoder 32 bits; decoder 16 bits where the device does so natively.",
        choices=(
            ("auto", "Automatic"),
            ("fp32", "32-bit float"),
            ("bf16", "bfloat16"),
            ("fp16", "16-bit float (NVIDIA only)"),
        ),
    ),
    Preference(
        "latent_cache_gb",
        "Cache",
        "&Latents on disk",
        "Up to so much is kept; what was not used for the longest time goes first.",
        unit="GB",
    ),
    Preference(
        "render_cache_gb",
        "Cache",
        "&Renders on disk",
        "Of codecs that take a while; up to so much is kept.",
        unit="GB",
    ),
    Preference("latent_memory_mb", "Cache", "Latents in &memory", "What the engine keeps at hand.", unit="MB"),
    Preference(
        "cache_folder",
        "Cache",
        "&Folder",
        "Conformed audio, latents and renders; all of it can be made again. Empty: the system's place for caches.",
        NEXT_START,
    ),
)


def choices_of(preference: Preference) -> tuple[object, ...]:
    """The values of a choice, as its type lists them; none for other types."""
    kind = next(field.type for field in msgspec.structs.fields(Preferences) if field.name == preference.field)
    return get_args(kind) if get_origin(kind) is Literal else ()


def manual_lines() -> list[str]:
    """The rows of the manual's table of preferences."""
    rows = ["| Preference | Default | Holds | |", "| --- | --- | --- | --- |"]
    for preference in PREFERENCES:
        default = preference.default
        texts = dict(preference.choices)
        if isinstance(default, bool):
            shown = "on" if default else "off"
        elif default == 0 and preference.zero:
            shown = preference.zero
        else:
            shown = texts.get(default, f"{default} {preference.unit}".strip()) or "empty"
        bounds = preference.bounds
        span = f" {bounds[0]:g} to {bounds[1]:g}{f' {preference.unit}' if preference.unit else ''}." if bounds else ""
        title = preference.title.replace("&", "")
        text = f"{preference.description}{span}"
        rows.append(f"| {preference.page}: {title} | {shown} | {preference.holds} | {text} |")
    return rows
