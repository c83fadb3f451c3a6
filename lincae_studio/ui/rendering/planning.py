"""Plans a session in slices, so that the window answers meanwhile, however large the session is. Main thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunks, Plan, Planner
from lincae_studio.engine.planning.played import played
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.jobs import Steps, finished
from lincae_studio.media.store import MediaStore
from lincae_studio.session.derived import nearest, unstretched
from lincae_studio.session.edits import sorted_clips
from lincae_studio.session.model import Clip, Media, Session, Track
from lincae_studio.session.processing import standing_in
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.rendering.spare_time import SpareTime

#: Shortest interval between plans while edits keep coming, as from a fader.
_INTERVAL_S = 0.05

#: Edits no longer keep coming after a pause of this length.
_PAUSE_MS = 200

#: The plan of a single edit, or of the first of a series, is worked on for this long at once; what takes longer is done
#: in spare time, as are all plans while edits keep coming.
_AT_ONCE_S = 0.03


class Planned(Struct, frozen=True):
    """The plan and the dry mix of a session.

    Attributes:
        offline: digests of media files that cannot be read, whose clips are silent, or that are being made.
    """

    plan: Plan
    dry: DryMix
    offline: frozenset[str]


class Planning(QObject):
    """Makes one plan after the other, reusing the results of earlier ones for unchanged tracks.

    Attributes:
        pending: whether the plan of the current session is still to be made.
        moving: whether edits keep coming, so that the plan of the current session will not stay.

    Signals:
        planned: a plan was made, of the current session or, at first, of the silence of a large new one; `Planned`.
        settled: edits no longer keep coming, and the plan last made is the one that stays.
    """

    planned = Signal(object)
    settled = Signal()

    def __init__(
        self,
        document: Document,
        media: MediaStore,
        reader: AudioReader,
        codec_of: Callable[[Session], CodecInfo],
        bundled: Collection[str],
        spare_time: SpareTime,
    ) -> None:
        """Plan nothing yet.

        Args:
            codec_of: returns the codec to plan a session for.
            bundled: digests of media files whose latents the engine has.
        """
        super().__init__(document)
        self.pending = self.moving = False
        self._document = document
        self._bundled = bundled
        #: The work on a plan, once it has begun, of which session, and whether the plan before is of another document.
        self._steps: Steps[Planned] | None = None
        self._session: Session | None = None
        self._foreign = False
        self._finished_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._plan_soon)
        self._spare_time = spare_time
        self._pausing = QTimer(self)
        self._pausing.setSingleShot(True)
        self._pausing.setInterval(_PAUSE_MS)
        self._pausing.timeout.connect(self._settle)
        document.replaced.connect(self._on_document_replaced)
        document.merge_ended.connect(self._settle)
        self._media = media
        self._reader = reader
        self._codec_of = codec_of
        self._planner = Planner()
        self._dry: DryMix | None = None
        self._offline: frozenset[str] = frozenset()
        #: Digests of derived media that are being made, what is heard of each until then, and by the digests of what
        #: they would be without their stretch, the media that were heard last.
        self.making: frozenset[str] = frozenset()
        self.stand_ins: dict[str, Media] = {}
        self._last: dict[str, Media] = {}
        #: Tracks without their missing clips, with the tracks of the session that they were made from, by track id.
        self._playable: dict[int, tuple[Track, Track]] = {}

    def begin(self, continuous: bool = False) -> None:
        """Plan the current session: now, or while edits keep coming, 50 ms after the last plan.

        Edits keep coming from the second of a series (`continuous`) on that has no pauses: the first may well be the
        last, as a notch of the wheel. While they do, a plan that was begun is made to its end before the next one:
        begun again at each edit, it might never be ready.
        """
        self.pending, self.moving = True, continuous and self._pausing.isActive()
        if continuous:
            self._pausing.start()
        else:
            self._pausing.stop()
        if not self.moving:
            self._steps = None
            self.advance()
        elif self._steps is None:
            self._plan_soon()

    def _settle(self) -> None:
        """Edits have paused, or their series has ended: the plan that is made, or the next one, stays."""
        self._pausing.stop()
        moved, self.moving = self.moving, False
        if moved and not self.pending:
            self.settled.emit()

    def advance(self) -> None:
        """Make a pending plan if that takes little time; else do some of the work now, and the rest in spare time."""
        end = time.thread_time() + _AT_ONCE_S  # of CPU time, which does not depend on the load of the machine
        while self._step():
            if time.thread_time() >= end:
                if self._foreign:
                    self._foreign = False
                    self.planned.emit(self.silence(self._document.session))
                self._spare_time.add(self._step, patient=False)
                return

    def finish(self) -> None:
        """Make a pending plan now."""
        if self._session is not self._document.session:
            self._steps = None
        while self._step():
            pass

    def _plan_soon(self) -> None:
        """Begin a plan, not too soon after the one before."""
        wait = self._finished_at + _INTERVAL_S - time.monotonic()
        if wait <= 0.0:
            self._spare_time.add(self._step, patient=False)
        elif not self._timer.isActive():
            self._timer.start(max(1, round(wait * 1e3)))

    def _step(self) -> bool:
        """Do a step of the pending plan. False if there is no more to do: it is announced, or there is none."""
        if not self.pending:
            return False
        if self._steps is None:
            self._session = self._document.session
            self._steps = self._plan(self._session)
        try:
            next(self._steps)
            return True
        except StopIteration as done:
            self._announce(done.value)
            return False
        except Exception:  # reported as any other; the remaining steps cannot be used
            self.pending, self._steps = False, None
            raise

    def _announce(self, planned: Planned) -> None:
        self.pending, self._steps, self._foreign = self._session is not self._document.session, None, False
        self.planned.emit(planned)
        self._finished_at = time.monotonic()
        if self.pending and self._steps is None:
            self._plan_soon()

    def _on_document_replaced(self) -> None:
        self._foreign = True

    def _plan(self, session: Session) -> Steps[Planned]:
        """Plan a session in steps of a few milliseconds."""
        offline, stand_ins = set(), {}
        for item in session.media:
            if played(item)[0].digest not in self._bundled:
                if self._fits(item):
                    before = unstretched(item)
                    if before.digest != item.digest:
                        self._last[before.digest] = item
                else:
                    offline.add(item.digest)
                    stand_in = self._stand_in(item) if item.digest in self.making else None
                    if stand_in is not None:
                        stand_ins[item.digest] = stand_in
                yield
        if offline != self._offline or stand_ins != self.stand_ins:
            self._offline, self.stand_ins, self._playable = frozenset(offline), stand_ins, {}
        session = yield from self._playable_steps(session)
        plan = yield from self._planner.steps(session, self._codec_of(session))
        dry = self._dry = yield from DryMix.steps(session, self._reader, self._dry)
        return Planned(plan, dry, self._offline)

    def _fits(self, media: Media) -> bool:
        """Whether what is heard of media is there."""
        return self._media.fits(played(media)[0])

    def _stand_in(self, media: Media) -> Media | None:
        """What is heard of media while they are stretched: the last result, or the audio before."""
        before = unstretched(media)
        others = {one.digest: one for one in (before, self._last.get(before.digest, before))}
        return nearest(media, filter(self._fits, others.values()))

    def set_making(self, digests: frozenset[str]) -> None:
        """Set which derived media are being made; until then, something else is heard of them if possible."""
        if digests != self.making:
            self.making = digests
            self.begin()

    def silence(self, session: Session) -> Planned:
        """The plan of a session before anything is known about its audio: silence."""
        codec = self._codec_of(session)
        grid = Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
        plan = Plan(codec, grid, session.channels, session.length, Chunks((), grid.count(session.length)))
        return Planned(plan, DryMix(replace(session, tracks=()), self._reader), frozenset())

    def playable(self, session: Session) -> Session:
        """The session with the clips silenced or replaced whose audio is missing.

        Its length and channels do not change.
        """
        return finished(self._playable_steps(session))

    def _playable_steps(self, session: Session) -> Steps[Session]:
        if not self._offline:
            return session
        tracks, media = [], {item.digest: item for item in session.media}
        for track in session.tracks:
            known = self._playable.get(track.id)
            if known is None or known[0] is not track:
                known = self._playable[track.id] = track, _playable(track, media, self._offline, self.stand_ins)
                yield
            tracks.append(known[1])
        media |= {item.digest: item for item in self.stand_ins.values()}
        return replace(session, tracks=tuple(tracks), media=tuple(media.values()))


def _playable(
    track: Track, media: Mapping[str, Media], offline: Collection[str], stand_ins: Mapping[str, Media]
) -> Track:
    """A track with the clips of some media silenced or replaced; the same object if it has none."""
    if not any(clip.media in offline for clip in track.clips):
        return track
    clips: list[Clip] = []
    for clip in track.clips:
        stand_in = stand_ins.get(clip.media)
        if stand_in is not None:
            clips.append(standing_in(clip, media[clip.media], stand_in))
            clip = _rest(clip, clips[-1].length)
        if clip.media in offline and clip.length:
            clips.append(replace(clip, gain=0.0))
        elif clip.media not in offline:
            clips.append(clip)
    return replace(track, clips=sorted_clips(tuple(clips)))


def _rest(clip: Clip, length: int) -> Clip:
    """What is left of a clip after a length, so that the track is as long as before; under an id that none has."""
    left = clip.length - length
    fades = {"fade_in": 0, "fade_out": min(clip.fade_out, left)}
    return replace(clip, id=-clip.id, start=clip.start + length, offset=clip.offset + length, length=left, **fades)
