"""Regions: adding, changing, moving and removing them, and what other edits of their clips and tracks do to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits, groups, rates, regions
from lincae_studio.session.model import MASTER, MAX_LENGTH, MAX_REGIONS, Master, Region, Session
from lincae_studio.session.rules import validated
from tests.helpers import made_up_media, session_of

MEDIA = made_up_media(1, 40_000)
REGION = Region(id=1, start=1000, end=5000, low=10, high=20, space="mdct-1x/1")


def song() -> Session:
    """Track 1 with clip 2, from sample 500 on."""
    return session_of(MEDIA, start=500)


@pytest.mark.parametrize("owner", [MASTER, 1, 2])
def test_a_region_belongs_to_the_mix_a_track_or_a_clip(owner: int) -> None:
    session = validated(regions.add(song(), owner, REGION))
    assert [(one, region.id) for one, region in regions.all_regions(session)] == [(owner, song().next_id)]
    region_id = song().next_id
    louder = validated(regions.change(session, owner, region_id, gain=2.0, name="Voice"))
    assert regions.region_of(louder, owner, region_id).gain == 2.0
    assert regions.change(louder, owner, region_id, gain=2.0) is louder
    gone = regions.remove(louder, owner, [region_id])
    assert list(regions.all_regions(gone)) == []
    with pytest.raises(EditError, match="no such region"):
        regions.remove(gone, owner, [region_id])


@pytest.mark.parametrize(
    "fields",
    [{"end": 1000}, {"start": -1}, {"low": -1}, {"high": 9}, {"gain": -0.1}, {"gain": 99.0}, {"end": MAX_LENGTH + 1}],
)
def test_values_out_of_range_are_refused(fields: dict[str, float]) -> None:
    session = regions.add(song(), 1, REGION)
    with pytest.raises(EditError):
        regions.change(session, 1, song().next_id, **fields)


def test_moving_ends_at_the_edges_of_the_timeline_and_of_the_channels() -> None:
    session = regions.add(song(), 1, REGION)
    region_id = song().next_id
    first = regions.region_of(regions.move(session, 1, region_id, -9999, -99, 256), 1, region_id)
    assert (first.start, first.end, first.low, first.high) == (0, 4000, 0, 10)
    last = regions.region_of(regions.move(session, 1, region_id, MAX_LENGTH, 999, 256), 1, region_id)
    assert (last.end - last.start, last.end, last.low, last.high) == (4000, MAX_LENGTH, 245, 255)


def in_clip() -> Session:
    return regions.add(song(), 2, REGION)


@pytest.mark.parametrize(
    "edit",
    [
        lambda session: edits.move_clips(session, [2], 700),
        lambda session: edits.trim_clip(session, 2, 3000, 30_000),
        lambda session: edits.slip_clip(edits.trim_clip(session, 2, 3000, 30_000), 2, 1000),
    ],
)
def test_regions_of_a_clip_stay_with_its_audio(edit: Callable[[Session], Session]) -> None:
    before, after = in_clip(), edit(in_clip())
    (_, old), (_, new) = [next(iter(regions.all_regions(session))) for session in (before, after)]
    assert new == old
    clip = after.clip(2)
    assert regions.origin_of(after, 2) == clip.start - clip.offset


def test_both_parts_of_a_split_clip_have_its_regions_and_joining_gives_them_back() -> None:
    split = edits.split_clips(in_clip(), [2], 2500)
    parts = list(split.clips())
    assert [len(clip.regions) for clip in parts] == [1, 1]
    assert parts[0].regions == parts[1].regions
    joined = arrange.join_clips(split, [clip.id for clip in parts])
    assert joined.clip(2) == in_clip().clip(2)
    other = regions.change(split, 2, parts[0].regions[0].id, gain=0.5)
    with pytest.raises(EditError, match="different regions"):
        arrange.join_clips(other, [clip.id for clip in parts])
    more = regions.add(split, parts[1].id, replace(REGION, start=2000))
    assert len(arrange.join_clips(more, [clip.id for clip in parts]).clip(2).regions) == 2
    reaching = regions.add(split, parts[1].id, replace(REGION, start=1999))
    with pytest.raises(EditError, match="different regions"):
        arrange.join_clips(reaching, [clip.id for clip in parts])


def test_copies_keep_regions_and_new_ones_get_other_ids() -> None:
    copied = validated(arrange.duplicate_clips(regions.add(in_clip(), 1, REGION), [2]))
    tracks = validated(groups.duplicate_tracks(copied, [1]))
    assert len(list(regions.all_regions(tracks))) == 6
    pasted = arrange.paste_clips(Session(), arrange.copy_clips(copied, [2]), 0, 0)
    clip = next(pasted.clips())
    again = validated(regions.add(validated(pasted), clip.id, REGION))
    assert len({region.id for region in again.clip(clip.id).regions}) == 2


def test_regions_keep_their_time_at_another_rate() -> None:
    session = regions.change(regions.add(in_clip(), MASTER, REGION), 2, song().next_id, fade=441)
    high = validated(rates.convert(session, 48_000, {MEDIA.digest: rates.at_rate(MEDIA, 48_000, 43_538)}))
    for _, region in regions.all_regions(high):
        assert abs(region.start / 48_000 - 1000 / 44_100) < 1 / 48_000
        assert abs(region.end / 48_000 - 5000 / 44_100) < 1 / 48_000
    assert high.clip(2).regions[0].fade == 480


def test_channels_that_are_soloed_stay_so_at_another_rate() -> None:
    """From start to end at every rate: otherwise soloing them again would add another region."""
    media = rates.at_rate(MEDIA, 48_000, 43_538)
    high = rates.convert(song(), 48_000, {MEDIA.digest: media})
    soloed = regions.solo(high, 1, 5, 5, "mdct-1x/1", "mdct-1x")
    low = validated(rates.convert(soloed, 44_100, {media.digest: MEDIA}))
    assert regions.is_solo(low.track(1).regions[0])
    assert not regions.solo(low, 1, 5, 5, "mdct-1x/1", "mdct-1x").track(1).regions


def test_an_id_that_is_used_twice_is_refused_in_files() -> None:
    session = regions.add(song(), 1, REGION)
    track = session.track(1)
    doubled = replace(track, regions=track.regions * 2)
    with pytest.raises(EditError, match="ids"):
        validated(replace(session, tracks=(doubled,)))


def test_more_regions_than_there_may_be_are_refused_in_edits_and_files() -> None:
    many = tuple(replace(REGION, id=number) for number in range(1, MAX_REGIONS + 1))
    full = replace(song(), master=Master(regions=many), next_id=MAX_REGIONS + 1)
    assert len(validated(full).master.regions) == MAX_REGIONS
    with pytest.raises(EditError, match="1,000 regions"):
        regions.add(full, MASTER, REGION)
    more = (*many, replace(REGION, id=MAX_REGIONS + 1))
    with pytest.raises(EditError, match="1000"):
        validated(replace(full, master=Master(regions=more), next_id=MAX_REGIONS + 2))


def test_ids_of_regions_that_are_not_used_yet_are_refused() -> None:
    with pytest.raises(EditError, match="ids"):
        validated(replace(song(), master=Master(regions=(replace(REGION, id=song().next_id),))))


def test_soloing_channels_adds_moves_and_removes_a_region() -> None:
    first = regions.solo(song(), 1, 5, 5, "mdct-1x/1", "mdct-1x")
    (_, region) = next(regions.all_regions(validated(first)))
    assert regions.is_solo(region)
    assert not regions.is_solo(REGION)
    assert (region.low, region.high, region.keep, region.gain) == (5, 5, True, 0.0)
    other = regions.solo(first, 1, 9, 12, "mdct-1x/1", "mdct-1x")
    assert [(region.low, region.high) for _, region in regions.all_regions(validated(other))] == [(9, 12)]
    assert list(regions.all_regions(regions.solo(other, 1, 9, 12, "mdct-1x/1", "mdct-1x"))) == []


def test_exports_warn_about_regions_that_they_do_not_have() -> None:
    session = regions.add(song(), 1, replace(REGION, codec="mdct-1x"))
    assert regions.warnings(session, "mdct-1x/1") == []
    (dry,) = regions.warnings(session, "mdct-1x/1", dry=True)
    assert "dry mix" in dry
    (foreign,) = regions.warnings(session, "another", dry=True)
    assert foreign.startswith("1 region of latents made with mdct-1x")
    off = regions.change(session, 1, song().next_id, on=False)
    assert regions.warnings(off, "another", dry=True) == []
