"""From session to sound and views: the plan, the engine client, and the render store, as Qt signals. Main thread."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from lincae_studio.codecs import library, registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae.public import PUBLIC_MODELS
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.engine.planning.plan import Plan, Planner
from lincae_studio.engine.planning.probes import is_probe
from lincae_studio.engine.process import client as engine
from lincae_studio.engine.process.messages import Limits
from lincae_studio.engine.process.queue import Loop
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.render_store import ChunkState, MixReader, Monitor, RenderStore
from lincae_studio.engine.rendering.renderer import Rendered, StoreReader
from lincae_studio.errors import CodecError, EngineError, StudioError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.rendering.chunk_requests import ChunkRequests
from lincae_studio.ui.rendering.idle_gate import IdleGate

if TYPE_CHECKING:
    from lincae_studio.engine.bundles.store import BundledLatents

_log = logging.getLogger(__name__)

#: How often a plan is made while edits keep coming, as from a fader.
_GATHER_S = 0.05


class Rendering(QObject):
    """Keeps the engine busy with what the session needs.

    Attributes:
        plan: what `plan_changed` last announced; states, renders and the reader are those of its chunks. While a fader
            is dragged the session may be ahead of it by a moment; `update_plan` never is behind.
        idle_gate: of what views compute in threads.
        computation: how codecs compute; `set_computation` changes it.
        requests: asks the engine for chunks, in any thread.

    Signals:
        plan_changed: `plan` is another one.
        chunk_changed: the state of the chunk with this index changed.
        engine_changed: `engine_text` is another.
        problem: a `StudioError` to show.
        session_replaced: what follows belongs to another document.
        probe_rendered: a `Rendered` that a view or job requested beside the mix.
    """

    plan_changed = Signal()
    chunk_changed = Signal(int)
    engine_changed = Signal()
    problem = Signal(object)
    session_replaced = Signal()
    probe_rendered = Signal(object)

    #: From the client's reader thread to the main thread.
    _event = Signal(object)
    _evicted = Signal(list)

    def __init__(self, document: Document, media: MediaStore, cache_dir: Path) -> None:
        super().__init__(document)
        self._document = document
        self._media = media
        #: Media whose latents the engine has.
        self._bundled: set[str] = set()
        self._reader = StoreReader(media, self._bundled)
        self.computation = Computation()
        self.idle_gate = IdleGate()
        self.store = RenderStore()
        self.engine_text = "engine starting"
        self._client = engine.EngineClient(cache_dir, self._receive)
        self.requests = ChunkRequests(self._client, self.store)
        self._event.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._evicted.connect(self._on_evicted, Qt.ConnectionType.QueuedConnection)
        self._index_of: dict[str, list[int]] = {}
        self._failed_said: set[str] = set()
        self._current_key: str | None = None
        #: The chunk that the playhead is in, and the loop that plays.
        self._here: tuple[int, Loop | None] = (0, None)
        self._planner = Planner()
        self._pending = False
        self._planned_at = 0.0
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(self.update_plan)
        self._states: list[ChunkState] = []
        self._dry: DryMix | None = None
        self._make_plan()
        self.store.set_current(self.plan)
        self._look()
        document.at_close(self.close)
        document.replaced.connect(self._on_document_replaced)
        document.changed.connect(self._on_document_changed)

    def start(self) -> None:
        """Start the engine process."""
        self._client.start()
        self.requests.render_mix(self.plan)

    def close(self) -> None:
        """End the engine process."""
        self._client.close()

    @property
    def session(self) -> Session:
        """The session as it is now, with the clips silent whose audio is missing: what `plan` is made of."""
        return self.playable(self._document.session)

    @property
    def dry(self) -> DryMix:
        """The dry mix of `plan`."""
        assert self._dry is not None, "it is made with every plan"
        return self._dry

    def update_plan(self) -> Plan:
        """Plan what has changed since `plan` was made, if anything has, and return the plan of the session as it is.

        While edits keep coming this is done at intervals; whoever needs the plan of this very moment calls it.
        """
        if not self._pending:
            return self.plan
        self._pending = False
        self._gathering.stop()
        self._make_plan()
        self.store.set_current(self.plan)
        self._look()
        self.requests.render_mix(self.plan)
        self.plan_changed.emit()
        self._planned_at = time.monotonic()
        return self.plan

    @property
    def offline(self) -> frozenset[str]:
        """Digests of media that cannot be read: their clips are silent."""
        return self._offline

    def readable(self, digest: str) -> bool:
        """Whether the audio or latents of a media file can be read, so that its clips are heard."""
        return digest not in self._offline

    def export_warnings(self, dry: bool = False) -> list[str]:
        """Why an export would not be what the session asks for, in words; none when it would. `dry`: of the dry mix."""
        session, warnings = self._document.session, []
        undecoded = {digest for digest in self._bundled if self._media.get(digest) is None} if dry else set()
        count = sum(clip.media in undecoded for clip in session.clips())
        if count:
            clips = count_of(count, "clip")
            warnings.append(f"The audio of {clips} is not decoded from latents yet, and is missing from the dry mix.")
        if self._offline:
            count = sum(clip.media in self._offline for clip in session.clips())
            warnings.append(f"The audio of {count_of(count, 'clip')} is missing and will be silent.")
        codec = self.update_plan().codec
        if codec.id != session.codec:
            warnings.append(f"Codec {session.codec} is not installed; {codec.title} is used instead.")
        return warnings

    def reader(self) -> MixReader:
        """The mix: the current plan with what is rendered of it now.

        A snapshot: when a render arrives the player gets another reader, and fades from this one to that.
        """
        return MixReader(self.plan, self.dry, self.store.snapshot(self.plan).get)

    def track_peaks(self, start: int, count: int) -> dict[int, tuple[float, ...]]:
        """Peaks of each track that sounds in `count` samples from `start` on, dry and after its fader, by its id."""
        return self.dry.peaks(start, count) if count else {}

    def heard(self, monitor: Monitor) -> MixReader:
        """What playback plays while somebody listens to the mix, to one side of it, or to their difference."""
        return MixReader(self.plan, self.dry, self.store.snapshot(self.plan).get, monitor)

    def state(self, index: int) -> ChunkState:
        return self.store.state(self.plan.chunks[index])

    def runs(self, start: int, end: int, joined: bool = True) -> Iterator[tuple[int, int, ChunkState]]:
        """The chunks of the samples `[start, end)`, as (first, last, state): neighbours in one state `joined`."""
        first, last = self.plan.grid.owner(start), self.plan.grid.owner(max(start, end - 1))
        states = self._states[first : last + 1]
        if not joined:
            yield from ((first + place, first + place, state) for place, state in enumerate(states))
            return
        for state, run in itertools.groupby(states):
            count = sum(1 for _ in run)
            yield first, first + count - 1, state
            first += count

    def rendered(self, index: int) -> Rendered | None:
        """The render of a chunk, or None."""
        chunk = self.plan.chunks[index]
        return self.store.get(chunk.key) if chunk else None

    def progress(self) -> tuple[int, int]:
        """Rendered chunks and chunks to render."""
        silent = self._states.count(ChunkState.SILENT)
        return self._states.count(ChunkState.RENDERED), len(self._states) - silent

    def set_playhead(self, sample: int, loop: Loop | None = None) -> None:
        """Render what is heard next first; a long session is rendered only around here. `loop`: the one that plays."""
        self.store.set_playhead(sample)
        here = self.plan.grid.owner(sample), loop
        if here != self._here:  # during playback this is called for every frame drawn
            self._here = here
            self._client.set_playhead(sample, loop)
            if not self._has_room:  # else the whole session is requested already
                self.requests.render_mix(self.plan)

    def retry_failed(self) -> None:
        """Try failed chunks again."""
        self.store.forget_failures()
        self._failed_said.clear()
        self._client.forget_crashes()
        self.requests.render_mix(self.plan)
        self._look()
        self.plan_changed.emit()

    def set_cache_limits(self, memory: int, latents: int, renders: int) -> None:
        """Limit what the engine keeps, in bytes: latents in memory, latents and renders on disk."""
        self._client.set_limits(Limits(memory, latents, renders))

    def set_computation(self, computation: Computation) -> None:
        """Let codecs compute on another device, or in another precision: the engine restarts."""
        if computation == self.computation:
            return
        self.computation = computation
        self._client.configure(computation)
        self._client.forget_crashes()
        self.store.forget_failures()
        self._failed_said.clear()
        self.refresh()

    @property
    def bundled(self) -> frozenset[str]:
        """Digests of media whose latents the engine has, with no audio of theirs."""
        return frozenset(self._bundled)

    def attach(self, latents: Sequence[BundledLatents]) -> None:
        """Let the engine use these latents, in place of those that were attached before."""
        self._bundled.clear()
        self._bundled.update(digest for one in latents for digest in one.media)
        self._client.attach(one.path for one in latents)
        self.refresh()

    def refresh(self) -> None:
        """Plan again: media or codecs have come or gone."""
        self._pending = True
        self.update_plan()

    @property
    def audio(self) -> StoreReader:
        """Where sources find their audio; any thread."""
        return self._reader

    def playable(self, session: Session) -> Session:
        """The session with the clips silent whose audio is missing; length and channels stay."""
        if self._offline:
            for clip in [clip for clip in session.clips() if clip.media in self._offline]:
                session = edits.set_clip_gain(session, clip.id, 0.0)
        return session

    def _make_plan(self) -> None:
        session = self._document.session
        unbundled = [item for item in session.media if item.digest not in self._bundled]
        self._offline = frozenset(item.digest for item in unbundled if not self._media.fits(item))
        session = self.playable(session)
        self.plan = self._planner.plan(session, self._codec_of(session))
        self._dry = DryMix(session, self._reader, self._dry)
        self._index_of = {}

    def _look(self) -> None:
        """Update the state of every chunk."""
        self._has_room = self.store.has_room(self.plan)
        self._states = [self.store.state(chunk) for chunk in self.plan.chunks]

    def _codec_of(self, session: Session) -> CodecInfo:
        """The session's codec, or the default one, said once, when there is no such codec here."""
        codec = session.codec
        try:
            found = registry.for_session(codec, self.computation)
        except StudioError as error:
            fallback = registry.info(DEFAULT_CODEC)
            if codec not in self._failed_said:
                self._failed_said.add(codec)
                # The error's own remedies are those of the command line.
                missing = codec in PUBLIC_MODELS and codec not in registry.ids()
                way = (
                    "Download it in Session > Codec" if missing else "Choose another, or import it, in Session > Codec"
                )
                remedy = f"You hear {fallback.title}; the project keeps its codec. {way}"
                self.problem.emit(CodecError(error.problem, remedy))
            return fallback
        self._failed_said.discard(codec)
        return found

    def _on_document_replaced(self) -> None:
        self._failed_said.clear()
        self.session_replaced.emit()

    def _on_document_changed(self, continuous: bool) -> None:
        self.idle_gate.note_interaction()
        self._pending = True
        wait = self._planned_at + _GATHER_S - time.monotonic()
        if wait <= 0.0 or not continuous:
            self.update_plan()
        elif not self._gathering.isActive():
            self._gathering.start(max(1, round(wait * 1e3)))

    def _receive(self, event: engine.Event) -> None:
        """Reader thread: results are kept at once, the views are notified in the main thread."""
        match event:
            case engine.ChunkStarted(key=key):
                self.store.set_rendering(key)
            case engine.ChunkFinished(rendered=rendered):
                self.requests.settle(rendered.key)
                gone = self.store.put(rendered)
                if gone:
                    self._evicted.emit(gone)
            case engine.ChunkFailed(key=key, message=message):
                self.requests.settle(key)
                self.store.set_failed(key, message)
            case engine.EngineDown():
                self.store.set_rendering(None)
        self._event.emit(event)

    def _on_event(self, event: engine.Event) -> None:
        match event:
            case engine.ChunkStarted(key=key):
                self._current_key = key
                self._announce(key)
            case engine.ChunkFinished(rendered=Rendered(key=key) as rendered):
                if is_probe(key):
                    self.probe_rendered.emit(rendered)
                self._announce(key)
            case engine.ChunkFailed(key=key, message=message):
                self._announce(key)
                if message not in self._failed_said:
                    self._failed_said.add(message)
                    self.problem.emit(self._failure(message))
            case engine.EngineUp(pid=pid):
                _log.info("engine process %d is up", pid)
                self._say("engine ready")
            case engine.EngineDown():
                if self._current_key is not None:
                    self._announce(self._current_key)  # no longer being rendered
                self._say("engine restarting")
            case engine.EngineUnusable(reason=reason):
                remedy = "You hear the dry mix; the engine is started again now and then. The log has the details"
                self.problem.emit(EngineError(f"the mix cannot be rendered: {reason.rstrip('.')}", remedy))
                self._say("engine unusable")

    def _failure(self, message: str) -> EngineError:
        """Of chunks; the cause may be a codec's weights, which nobody has looked at before the engine."""
        error = engine.failure(message)
        codec = self.plan.codec.id
        if os.sep not in codec and codec not in library.installed():
            return error  # built in
        return EngineError(error.problem, f"{error.remedy}, or choose another codec in Session > Codec")

    def _on_evicted(self, keys: list[str]) -> None:
        for key in keys:
            self._announce(key)

    def indices(self, key: str) -> Sequence[int]:
        """The chunks of `plan` with a key."""
        if not self._index_of:
            for chunk in self.plan.audible:
                self._index_of.setdefault(chunk.key, []).append(chunk.index)
        return self._index_of.get(key, ())

    def _announce(self, key: str) -> None:
        for index in self.indices(key):
            self._states[index] = self.state(index)
            self.chunk_changed.emit(index)

    def _say(self, text: str) -> None:
        self.engine_text = text
        self.engine_changed.emit()
