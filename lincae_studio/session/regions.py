"""Edits of regions: rectangles of time and latent channels in the mix, a track or a clip. Pure functions, like `edits`.

The owner of a region is `MASTER` for the mix, or the id of a track or clip; ids of regions are unique within it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.model import (
    MASTER,
    MAX_CHANNEL,
    MAX_GAIN,
    MAX_LENGTH,
    MAX_REGIONS,
    Clip,
    Master,
    Region,
    Session,
    Track,
)
from lincae_studio.session.times import count_of, listed


def owner_of(session: Session, owner_id: int) -> Master | Track | Clip:
    """The mix, track or clip with this id. Raises `EditError` when there is none."""
    if owner_id == MASTER:
        return session.master
    for track in session.tracks:
        if track.id == owner_id:
            return track
        for clip in track.clips:
            if clip.id == owner_id:
                return clip
    raise EditError("there is no such track or clip", "It may have been deleted")


def all_regions(session: Session) -> Iterator[tuple[int, Region]]:
    """Every region with the id of its owner: those of the mix, then track by track, each followed by its clips."""
    for region in session.master.regions:
        yield MASTER, region
    for track in session.tracks:
        for region in track.regions:
            yield track.id, region
        for clip in track.clips:
            for region in clip.regions:
                yield clip.id, region


def region_of(session: Session, owner_id: int, region_id: int) -> Region:
    """A region. Raises `EditError` when there is none."""
    for region in owner_of(session, owner_id).regions:
        if region.id == region_id:
            return region
    raise EditError("there is no such region", "It may have been deleted")


def origin_of(session: Session, owner_id: int) -> int:
    """The timeline sample that is sample 0 of the owner's regions; for a clip, where its audio file would begin."""
    owner = owner_of(session, owner_id)
    return owner.start - owner.offset if isinstance(owner, Clip) else 0


def name_of(session: Session, owner_id: int) -> str:
    """The name of an owner of regions, for people."""
    owner = owner_of(session, owner_id)
    return "Mix" if isinstance(owner, Master) else owner.name


def add(session: Session, owner_id: int, region: Region) -> Session:
    """Add a region, which gets a new id: `session.next_id`. Raises `EditError` when it is not valid."""
    regions = owner_of(session, owner_id).regions
    if len(regions) >= MAX_REGIONS:
        raise EditError(f"there are {MAX_REGIONS:,} regions already", "Delete some of them first")
    added = _checked(replace(region, id=session.next_id))
    return _with_regions(replace(session, next_id=session.next_id + 1), owner_id, (*regions, added))


def change(session: Session, owner_id: int, region_id: int, **fields: Any) -> Session:
    """Change fields of a region.

    Raises:
        EditError: when there is no such region, or a value is out of range; it then stays as it is.
    """
    before = region_of(session, owner_id, region_id)
    after = _checked(replace(before, **fields))
    if after == before:
        return session
    regions = owner_of(session, owner_id).regions
    return _with_regions(session, owner_id, tuple(after if region is before else region for region in regions))


def move(session: Session, owner_id: int, region_id: int, by_samples: int, by_channels: int, channels: int) -> Session:
    """Move a region in time and over channels, as far as the timeline and the `channels` of the codec allow."""
    region = region_of(session, owner_id, region_id)
    by_samples = min(max(by_samples, -region.start), MAX_LENGTH - region.end)
    by_channels = min(max(by_channels, -region.low), max(0, channels - 1 - region.high))
    return change(
        session,
        owner_id,
        region_id,
        start=region.start + by_samples,
        end=region.end + by_samples,
        low=region.low + by_channels,
        high=region.high + by_channels,
    )


def is_solo(region: Region) -> bool:
    """Whether a region lets only some channels be heard from start to end, as `solo` makes it."""
    return region.keep and region.gain == 0.0 and (region.start, region.end) == (0, MAX_LENGTH)


def solo(session: Session, owner_id: int, low: int, high: int, space: str, codec: str) -> Session:
    """Let only some channels be heard, from start to end: a region. Again for the same ones, it is removed."""
    owner = owner_of(session, owner_id)
    found = next((region for region in owner.regions if is_solo(region) and region.space == space), None)
    if found is None:
        region = Region(id=1, name="Solo", start=0, end=MAX_LENGTH, low=low, high=high, keep=True, space=space)
        return add(session, owner_id, replace(region, codec=codec))
    if (found.low, found.high, found.on) == (low, high, True):
        return remove(session, owner_id, [found.id])
    return change(session, owner_id, found.id, low=low, high=high, on=True)


def remove(session: Session, owner_id: int, region_ids: Collection[int]) -> Session:
    """Remove regions from the mix, a track or a clip. Raises `EditError` when one of them does not exist."""
    for region_id in region_ids:
        region_of(session, owner_id, region_id)
    kept = tuple(region for region in owner_of(session, owner_id).regions if region.id not in region_ids)
    return _with_regions(session, owner_id, kept)


def warnings(session: Session, space: str, dry: bool = False) -> list[str]:
    """Warnings about regions that an export does not have. `space`: of the codec; `dry`: the dry mix is part of it."""
    found = [region for _, region in all_regions(session) if region.on]
    others = [region for region in found if region.space != space]
    texts = []
    if others:
        made = listed(sorted({region.codec or "another codec" for region in others}))
        texts.append(
            f"{count_of(len(others), 'region')} of latents made with {made} cannot be applied with this codec."
        )
    if dry and len(others) < len(found):
        texts.append("The dry mix does not include regions; a difference includes what they change.")
    return texts


def _checked(region: Region) -> Region:
    if not 0 <= region.start < region.end <= MAX_LENGTH:
        raise EditError("a region must start on the timeline and end after its start")
    if not 0 <= region.low <= region.high <= MAX_CHANNEL:
        raise EditError("a region must have a first channel from 0 on, and a last one that is not below it")
    if not 0.0 <= region.gain <= MAX_GAIN:
        raise EditError(f"gain {region.gain} is not between 0 and {MAX_GAIN:.2f} (+24 dB)")
    return region


def _with_regions(session: Session, owner_id: int, regions: tuple[Region, ...]) -> Session:
    owner = owner_of(session, owner_id)
    if isinstance(owner, Clip):
        return edits.change_clips(session, {owner_id}, lambda clip: replace(clip, regions=regions))
    if isinstance(owner, Master):
        return replace(session, master=replace(owner, regions=regions))
    tracks = tuple(replace(one, regions=regions) if one is owner else one for one in session.tracks)
    return replace(session, tracks=tracks)
