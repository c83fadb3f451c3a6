"""Connects the session to playback and views: plan, engine client and render store, as Qt signals. Main thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.planning.probes import is_probe
from lincae_studio.engine.process import events as engine
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.process.launchers import MachineLauncher
from lincae_studio.engine.process.machine import Machine
from lincae_studio.engine.process.messages import Limits
from lincae_studio.engine.process.requests import Loop
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.render_store import ChunkState, MixReader, Monitor, RenderStore
from lincae_studio.engine.rendering.renderer import Rendered, StoreReader
from lincae_studio.errors import StudioError
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media, Session
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.rendering.chunk_requests import ChunkRequests
from lincae_studio.ui.rendering.chunk_states import ChunkStates, Looks
from lincae_studio.ui.rendering.codec_problems import chunks_failed, missing_codec, preview_unusable
from lincae_studio.ui.rendering.decode_time import DecodeTime
from lincae_studio.ui.rendering.engine_status import EngineStatus
from lincae_studio.ui.rendering.export_warnings import export_warnings
from lincae_studio.ui.rendering.idle_gate import IdleGate
from lincae_studio.ui.rendering.planning import Planned, Planning
from lincae_studio.ui.rendering.spare_time import SpareTime

if TYPE_CHECKING:
    from lincae_studio.engine.bundles.store import BundledLatents

_log = logging.getLogger(__name__)


class Rendering(QObject):
    """Keeps the engine busy with what the session needs.

    Attributes:
        plan: the plan last announced by `plan_changed`; states, renders and readers refer to its chunks. While a fader
            is dragged, or a large session is planned, the session may be ahead of it; `update_plan` returns the plan of
            the current session.
        audio: reads the audio of sources; any thread.
        idle_gate, view_gate: delay what views compute in threads, and rendering while the view is zoomed or scrolled.
        spare_time: does the work of the main thread that can wait.
        computation: device and precision of codecs, set by `set_computation`, with what they come to once the engine
            has found out. Until then plans for a neural codec have a provisional identity, and no mix is requested.
        requests: requests chunks from the engine, in any thread.
        states: the states of the chunks of `plan`.

    Signals:
        plan_changed: `plan` has changed.
        offline_changed: `offline` has changed.
        loading_changed: `loading` has changed.
        chunk_changed: the state of the chunk with this index has changed.
        engine_changed: `engine_status` has changed.
        problem: a `StudioError` to show.
        session_replaced: another document was opened, or the sample rate has changed; later signals refer to that.
        probe_rendered: a `Rendered` that a view or job requested for analysis.
        media_damaged: cached audio of the session was found to be damaged; its clips are silent until it is rebuilt.
    """

    plan_changed = Signal()
    offline_changed = Signal()
    loading_changed = Signal()
    chunk_changed = Signal(int)
    engine_changed = Signal()
    problem = Signal(object)
    session_replaced = Signal()
    probe_rendered = Signal(object)
    media_damaged = Signal()

    #: From the client's reader thread to the main thread: an event of the engine, or keys that were evicted.
    _event = Signal(object)
    #: From any thread that reads audio.
    _damage_noted = Signal()

    def __init__(self, document: Document, media: MediaStore, cache_dir: Path) -> None:
        super().__init__(document)
        self._loading = self._repairing = False
        self._document, self._media = document, media
        #: Digests of media files whose latents the engine has.
        self._bundled: set[str] = set()
        #: Digests of media files whose cached audio is damaged and has not been rebuilt yet; any thread.
        self._damaged: set[str] = set()
        self.audio = StoreReader(media, lambda digest: digest in self._bundled or digest in self._damaged)
        media.on_damage = self._note_damage
        self.computation = Computation()
        #: Whether the engine could not find out what they come to; requested chunks then fail with the reason.
        self._not_possible = False
        self.idle_gate, self.view_gate = IdleGate(), IdleGate()
        self.spare_time = SpareTime(self, self.idle_gate)
        self.store = RenderStore()
        self.decode_time = DecodeTime()
        self.engine_status = EngineStatus()
        self._cache_dir = cache_dir
        self._client = EngineClient(MachineLauncher(None, cache_dir, media), self._receive, pause_s=self._pause_s)
        self.requests = ChunkRequests(self._client, self.store)
        self._events: deque[engine.Event | list[str]] = deque()
        self._event.connect(self._on_event_received, Qt.ConnectionType.QueuedConnection)
        self._damage_noted.connect(self._on_damage_noted, Qt.ConnectionType.QueuedConnection)
        self._reported: set[str] = set()
        self._current_key: str | None = None
        #: The chunk at the playhead, and the active loop.
        self._render_position: tuple[int, Loop | None] = (0, None)
        self._planning = Planning(document, media, self.audio, self._codec_of, self._bundled, self.spare_time)
        self._planning.planned.connect(self._on_planned)
        self._planning.settled.connect(self._on_settled)
        self._take(self._planning.silence(document.session))
        document.at_close(self.close)
        document.replaced.connect(self._on_document_replaced)
        document.changed.connect(self._on_document_changed)

    def start(self) -> None:
        """Start the engine process."""
        self._client.start()
        self._request_mix()

    def close(self) -> None:
        """End the engine process."""
        self._media.on_damage = lambda _: None
        self._client.close()

    @property
    def session(self) -> Session:
        """The current session, from which plans are made; clips whose audio is missing are silent or replaced."""
        return self.playable(self._document.session)

    @property
    def dry(self) -> DryMix:
        """The dry mix of `plan`."""
        return self._planned.dry

    def update_plan(self) -> Plan:
        """Update `plan` if the session has changed, and return it.

        Called by code that needs the plan of the current session. In a large one this may take seconds.
        """
        self._planning.finish()
        return self.plan

    @property
    def planning(self) -> bool:
        """Whether the plan of the current session is not ready yet."""
        return self._planning.pending

    def plan_slice(self) -> None:
        """Update `plan` if that takes little time; else do some of the work now, and the rest between events."""
        self._planning.advance()

    def _on_planned(self, planned: Planned) -> None:
        offline, rate = self.offline, self.plan.codec.sample_rate
        self._take(planned)
        self._request_mix()
        if self.plan.codec.sample_rate != rate:
            self.session_replaced.emit()  # pictures of chunks are elsewhere in time
        self.plan_changed.emit()
        if self.offline != offline:
            self.offline_changed.emit()

    def _take(self, planned: Planned) -> None:
        self._planned = planned
        self.plan = planned.plan
        self.store.set_current(self.plan, self._planning.moving)
        self._update_states()

    @property
    def offline(self) -> frozenset[str]:
        """Digests of media files that cannot be read, whose clips are silent, or that are being made."""
        return self._planned.offline

    def set_making(self, digests: frozenset[str]) -> None:
        """Set which derived media are being made: of those that are stretched, something else is heard until then."""
        self._planning.set_making(digests)

    def stand_in(self, media: Media) -> Media | None:
        """What is heard of media until they are made; None for silence."""
        return self._planning.stand_ins.get(media.digest)

    @property
    def loading(self) -> bool:
        """Whether audio of the session is still being read, so that what is offline may not be missing."""
        return self._loading

    def set_loading(self, loading: bool) -> None:
        """Set whether audio of the session is being read."""
        if loading != self._loading:
            self._loading = loading
            self.loading_changed.emit()

    def readable(self, digest: str) -> bool:
        """Whether the audio or latents of an audio file can be read."""
        return digest not in self.offline

    def export_warnings(self, dry: bool = False) -> list[str]:
        """Warnings if an export would differ from what the session specifies. `dry`: it includes the dry mix."""
        codec, session = self.update_plan().codec, self._document.session
        lacking = self.offline - self._planning.making  # exports wait for what is being made
        return export_warnings(session, codec, lacking, self._loading, self._bundled, self._media, dry)

    def reader(self, monitor: Monitor = "auto", previews: bool = False) -> MixReader:
        """A reader of the mix in a monitor mode: the current plan with its current renders.

        It is a snapshot: when a render arrives, the player gets a new reader and crossfades to it.

        `previews`: read them where there is no render, as playback does. Without, for measurements: the dry mix.
        """
        previews = previews and monitor != "difference"
        return MixReader(self.plan, self.dry, self.store.snapshot(previews).get, monitor)

    def track_peaks(self, start: int, count: int) -> dict[int, tuple[float, ...]]:
        """Peaks of each audible track in `count` samples from `start` on, dry and post-fader, by track id."""
        return self.dry.peaks(start, count) if count else {}

    def state(self, index: int) -> ChunkState:
        return self.store.state(self.plan.chunks[index])

    def runs(
        self, start: int, end: int, merged: bool = True, together: int = 1, looks: Looks | None = None
    ) -> list[tuple[int, int, int]]:
        """The audible chunks in samples `[start, end)` as (first, last, `ChunkState`).

        With `merged`, neighbours in the same state are one. With `together`, for painting, the first audible chunk
        stands for that number of neighbours: as many as a pixel shows. `looks`: instead of the states; see `states`.
        """
        grid = self.plan.grid
        return self.states.runs(grid.owner(start), grid.owner(max(start, end - 1)), together, merged, looks)

    def rendered(self, index: int) -> Rendered | None:
        """The render of a chunk, or None."""
        chunk = self.plan.chunks[index]
        return self.store.get(chunk.key) if chunk else None

    def progress(self) -> tuple[int, int]:
        """The number of rendered chunks, and of all chunks to render."""
        return self.states.rendered, len(self.states.states)

    def set_playhead(self, sample: int, loop: Loop | None = None, playing: bool = False) -> None:
        """Set the playhead and the active loop: what is heard next is rendered first, long sessions only around it."""
        self.store.set_playhead(sample, playing)
        here = self.plan.grid.owner(sample), loop
        if here != self._render_position:  # called for every frame drawn during playback
            self._render_position = here
            self._client.set_playhead(sample, loop)
            if not self._all_requested:
                self._request_mix()

    def retry_failed(self) -> None:
        """Try failed chunks again."""
        self._damaged.difference_update([digest for digest in self._damaged.copy() if self._media.get(digest)])
        self._repairing = False
        self.store.forget_failures()
        self._reported.clear()
        self._client.forget_crashes()
        self._request_mix()
        self._update_states()
        self.plan_changed.emit()

    def set_cache_limits(self, limits: Limits) -> None:
        """Limit the engine's caches."""
        self._client.set_limits(limits)

    def set_computation(self, computation: Computation) -> None:
        """Set the device and precision of codecs; the engine restarts."""
        if computation != self.computation.requested:
            self.computation = computation
            self.restart_engine()

    def set_machine(self, machine: Machine | None) -> None:
        """Render on another machine, or on this computer; what is rendered stays."""
        self._client.move(MachineLauncher(machine, self._cache_dir, self._media))
        self.engine_status.move(machine)
        self.engine_changed.emit()
        self.restart_engine()

    def restart_engine(self) -> None:
        """Start a new engine process, which loads its codecs again, and try failed chunks again."""
        self.computation, self._not_possible = self.computation.requested, False
        self._client.configure(self.computation)
        self._client.forget_crashes()
        self.store.forget_failures()
        self._reported.clear()
        self.refresh()

    @property
    def bundled(self) -> frozenset[str]:
        """Digests of media files known only as latents, which the engine has."""
        return frozenset(self._bundled)

    def attach(self, latents: Sequence[BundledLatents]) -> None:
        """Let the engine use these latents, which replace those attached before."""
        if not latents and not self._bundled:
            return
        self._bundled.clear()
        self._bundled.update(digest for one in latents for digest in one.media)
        self._client.attach(one.path for one in latents)
        self.refresh()

    def refresh(self) -> None:
        """Make a new plan after media files or codecs have appeared or disappeared."""
        self._planning.begin()

    def playable(self, session: Session) -> Session:
        """The session with the clips silenced whose audio is missing, or replaced until it is made."""
        return self._planning.playable(session)

    def _request_mix(self) -> None:
        """Request the missing chunks of the plan, or first what its identity lacks: it replaces the plan."""
        if self.plan.codec.provisional and not self._not_possible:
            self._client.request(())
            self._client.resolve()
        else:
            self.requests.render_mix(self.plan)

    def _update_states(self) -> None:
        """Update the state of every audible chunk."""
        self._all_requested = self.store.has_room(self.plan) and not self._planning.moving
        self.states = ChunkStates(self.store.states(self.plan))

    def _codec_of(self, session: Session) -> CodecInfo:
        """The session's codec, or if it is not available the default one, which is reported once."""
        codec = session.codec
        try:
            found = registry.for_session(codec, self.computation, session.rate)
        except StudioError as error:
            fallback = registry.for_session(DEFAULT_CODEC, rate=session.rate)
            self._report(codec, missing_codec(codec, error, fallback))
            return fallback
        self._reported.discard(codec)
        return found

    def _on_document_replaced(self) -> None:
        self._reported.clear()
        self.session_replaced.emit()

    def _on_settled(self) -> None:
        self.store.set_current(self.plan)
        self._request_mix()

    def _on_document_changed(self, continuous: bool) -> None:
        self.idle_gate.note_interaction()
        self._planning.begin(continuous)

    def _pause_s(self, since: float) -> float:
        """Any thread: frames come first while the view moves, unless something is played, or rendered elsewhere."""
        return 0.0 if self.store.playing or self.engine_status.machine else self.view_gate.delay(since)

    def _receive(self, event: engine.Event) -> None:
        """Reader thread: store results immediately; the main thread notifies the views."""
        match event:
            case engine.ChunkStarted(key=key):
                self.store.set_rendering(key)
            case engine.ChunkFinished(rendered=rendered):
                self.requests.settle(rendered.key)
                if evicted := self.store.put(rendered):
                    self._event.emit(evicted)
            case engine.ChunkPreviewed(preview=preview):
                self.store.put_preview(preview)
            case engine.ChunkFailed(key=key, message=message):
                self.requests.settle(key)
                self.store.set_failed(key, message)
            case engine.EngineDown():
                self.store.set_rendering(None)
        self._event.emit(event)

    def _on_event_received(self, event: engine.Event | list[str]) -> None:
        """Handle an event: what concerns chunks in spare time, but soon if it is heard."""
        if isinstance(event, engine.OfChunk | list):
            self._events.append(event)
            self.spare_time.add(self._take_event, patient=not self.store.playing)
        else:
            if self.engine_status.follow(event):
                self.engine_changed.emit()
            self._on_event(event)

    def _take_event(self) -> bool:
        """Handle the oldest event that waits."""
        if self._events:
            self._on_event(self._events.popleft())
        return bool(self._events)

    def _on_event(self, event: engine.Event | list[str]) -> None:
        match event:
            case list():
                for key in event:
                    self._announce(key)
            case engine.ChunkStarted(key=key):
                self._current_key = key
                self.decode_time.start(key)
                self._announce(key)
            case engine.ChunkFinished(rendered=Rendered(key=key) as rendered):
                self.decode_time.finish(key)
                if is_probe(key):
                    self.probe_rendered.emit(rendered)
                self._announce(key)
            case engine.ChunkPreviewed(preview=preview):
                self._announce(preview.key)
            case engine.PreviewUnusable(problem=problem):
                self._report(problem, preview_unusable(event))
            case engine.ChunkFailed(key=key, message=message):
                self._announce(key)
                self._media.close_discarded()
                if self._repairing:  # the reason; the chunk is requested again afterwards
                    _log.warning("%s", message)
                else:
                    self._report(message, chunks_failed(self.plan.codec.id, message))
            case engine.PrecisionResolved(computation=computation):
                if computation.requested == self.computation:
                    self.computation, self._not_possible = computation, computation.arithmetic is None
                    self.refresh()
            case engine.EngineDown() if self._current_key is not None:
                self._announce(self._current_key)  # no longer being rendered

    def _report(self, reason: str, error: StudioError) -> None:
        """Show an error, unless it was shown for the same reason."""
        if reason not in self._reported:
            self._reported.add(reason)
            self.problem.emit(error)

    def _note_damage(self, digest: str) -> None:
        """Any thread: read the audio as silence from now on, and let the main thread deal with it."""
        if digest not in self._damaged:
            self._damaged.add(digest)
            self._repairing = True
            self._damage_noted.emit()

    def _on_damage_noted(self) -> None:
        self.refresh()
        self.media_damaged.emit()

    def indices(self, key: str) -> Sequence[int]:
        """The indices of the chunks of `plan` with this key."""
        return [chunk.index for chunk in self.plan.chunks.with_key(key)]

    def _announce(self, key: str) -> None:
        for index in self.indices(key):
            if self.states.set(index, self.state(index)):
                self.chunk_changed.emit(index)
