"""Plans a session in slices, so that the window answers meanwhile, however large the session is. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from msgspec.structs import replace

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunks, Plan, Planner
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.jobs import Steps, finished
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Session, Track


@dataclass(frozen=True)
class Planned:
    """What is made of a session.

    Attributes:
        offline: digests of media files that cannot be read, whose clips are silent.
    """

    plan: Plan
    dry: DryMix
    offline: frozenset[str]


class Planning:
    """Makes plans in succession; what earlier ones computed for unchanged tracks is kept."""

    def __init__(self, media: MediaStore, reader: AudioReader, codec_of: Callable[[Session], CodecInfo]) -> None:
        """`codec_of`: returns the codec to plan a session for."""
        self._media = media
        self._reader = reader
        self._codec_of = codec_of
        self._planner = Planner()
        self._dry: DryMix | None = None
        self._offline: frozenset[str] = frozenset()
        #: Tracks without their missing clips, with the tracks of the session that they were made from, by track id.
        self._playable: dict[int, tuple[Track, Track]] = {}

    def steps(self, session: Session, bundled: Collection[str]) -> Steps[Planned]:
        """Plan a session in steps of a few milliseconds. `bundled`: digests of media whose latents the engine has."""
        offline = set()
        for item in session.media:
            if item.digest not in bundled:
                if not self._media.fits(item):
                    offline.add(item.digest)
                yield
        if offline != self._offline:
            self._offline, self._playable = frozenset(offline), {}
        session = yield from self._playable_steps(session)
        plan = yield from self._planner.steps(session, self._codec_of(session))
        dry = self._dry = yield from DryMix.steps(session, self._reader, self._dry)
        return Planned(plan, dry, self._offline)

    def nothing(self, session: Session) -> Planned:
        """The plan of a session before anything is known about its audio: silence."""
        codec = self._codec_of(session)
        grid = Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
        silence = Plan(codec, grid, session.channels, session.length, Chunks((), grid.count(session.length)))
        return Planned(silence, DryMix(replace(session, tracks=()), self._reader), frozenset())

    def playable(self, session: Session) -> Session:
        """The session with the clips silenced whose audio is missing; its length and channels do not change."""
        return finished(self._playable_steps(session))

    def _playable_steps(self, session: Session) -> Steps[Session]:
        if not self._offline:
            return session
        tracks = []
        for track in session.tracks:
            known = self._playable.get(track.id)
            if known is None or known[0] is not track:
                known = self._playable[track.id] = track, _silenced(track, self._offline)
                yield
            tracks.append(known[1])
        return replace(session, tracks=tuple(tracks))


def _silenced(track: Track, offline: Collection[str]) -> Track:
    """A track with the clips of some media silenced; the same object if it has none."""
    if not any(clip.media in offline for clip in track.clips):
        return track
    clips = tuple(replace(clip, gain=0.0) if clip.media in offline else clip for clip in track.clips)
    return replace(track, clips=clips)
