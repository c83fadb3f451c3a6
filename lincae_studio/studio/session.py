"""The session of the Python interface: a value with an engine, edited by the pure edits that the window uses.

It has no model of its own: `Session.document` is the document of `session/model.py`. Any thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lincae_studio.codecs import registry
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.engine.analysis.learning import Learned, example, learn
from lincae_studio.engine.analysis.matching import StemMatch, match_stem, pan_of
from lincae_studio.engine.bundles.writer import write_bundle
from lincae_studio.errors import EditError, ProjectError
from lincae_studio.session import edits, files
from lincae_studio.session.minus_one import match_track
from lincae_studio.session.model import Rate, Session as Document
from lincae_studio.session.times import count_of, format_time
from lincae_studio.studio import display
from lincae_studio.studio.editing import TrackLike
from lincae_studio.studio.engine import Engine
from lincae_studio.studio.figures import Evaluation, evaluation_of
from lincae_studio.studio.processing import Processed
from lincae_studio.studio.tracks import Track, row_of


class Session(Processed):
    """A session: tracks with clips, a master, a codec. A value: edits return another session, this one stays as it is.

        >>> from lincae_studio import Session
        >>> song = Session.from_files("drums.wav", "bass.wav")
        >>> quiet = song.set_track("drums", gain_db=-6.0, pan=-0.3)
        >>> quiet["drums"], song["drums"].gain_db
        (<Track 1 “drums”: −6.0 dB, pan L30, 1 clip>, 0.0)
        >>> mix = quiet.render(span=(0.0, 2.0))
        >>> mix.shape
        (2, 88200)

    Times are in seconds. Gains are amplitude factors (`gain`, 1 is 0 dB) or levels (`gain_db`), from silence to +24 dB.
    Omitted arguments of an edit change nothing. Invalid edits raise `EditError`, and so do tracks and clips that the
    session does not have; all errors are `StudioError`s.

    Attributes:
        document: the document itself, whose times are in samples.
    """

    def __init__(self, *, rate: Rate = 44_100, codec: str = DEFAULT_CODEC, engine: Engine | None = None) -> None:
        """An empty session.

        Args:
            rate: in Hz, 44100 or 48000; files of other rates are converted when they are added.
            codec: id of the codec, or the path of a model's folder.
            engine: imports and renders; None for a new one in this process. Sessions that are used together should
                share one, so that they share loaded codecs.

        Raises:
            CodecError: when there is no such codec, or sessions cannot have this rate.
        """
        codec = registry.by_path(codec)
        registry.for_session(codec, rate=rate)
        super().__init__(edits.set_codec(Document(rate=rate), codec), engine or Engine())

    @classmethod
    def open(cls, path: str | Path, *, engine: Engine | None = None) -> Session:
        """Open a project (`.lincae`) or a bundle (`.lincaez`); audio files that are new here are imported.

        Raises:
            ProjectError: for a file that is not a project or bundle.
            MediaError: for one of its audio files that is missing, changed or damaged.
        """
        engine = engine or Engine()
        return cls.of(engine.open(Path(path)), engine)

    @classmethod
    def from_files(
        cls,
        *paths: str | Path,
        rate: Rate = 44_100,
        codec: str = DEFAULT_CODEC,
        channels: str = "",
        engine: Engine | None = None,
    ) -> Session:
        """A session of audio files that all start at 0, each on a new track named after the file.

        Raises like `Session` and `add_stems`.
        """
        return cls(rate=rate, codec=codec, engine=engine).add_stems(*paths, channels=channels)

    def save(self, path: str | Path) -> Path:
        """Write a project, or a bundle if the name ends in `.lincaez`. Returns its path.

        A bundle has latents of the session's codec instead of audio files.

        Raises:
            ProjectError: when the name ends in neither, or the file cannot be written; an older file is kept.
        """
        path = Path(path)
        if path.suffix.lower() not in (files.SUFFIX, files.BUNDLE_SUFFIX):
            choices = f"Choose a name that ends in {files.SUFFIX}, or in {files.BUNDLE_SUFFIX} for a bundle"
            raise ProjectError(f"{path.name} is not a name for a project", choices)
        if files.is_bundle(path):
            codec = self.engine.info(self.codec, self.rate)
            self.engine.prepare_bundle(self.document, codec)
            write_bundle(self.document, codec, self.engine.render, path)
        else:
            files.save(self.document, path)
        return path

    # Content

    @property
    def codec(self) -> str:
        """Id of the codec, or path of a model's folder."""
        return self.document.codec

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks, from top to bottom."""
        return tuple(Track(self.document, track.id, self.engine) for track in self.document.tracks)

    def __getitem__(self, track: TrackLike) -> Track:
        """A track, by its name or id."""
        return Track(self.document, self._track_id(track), self.engine)

    def __iter__(self) -> Iterator[Track]:
        return iter(self.tracks)

    def __len__(self) -> int:
        """The number of tracks."""
        return len(self.document.tracks)

    # Analysis

    def find_stem(self, track: TrackLike, *, max_lag: float = 1.0) -> StemMatch:
        """Find a track in the mix of all other audible tracks: its lag in samples and its gain.

        Args:
            max_lag: how much earlier or later to search for it, in seconds.

        Raises:
            EditError: when the track, or the mix without it, is silent.
        """
        plan = self._plan(None)
        self.engine.prepare(plan, self.document, audio=True)
        lag = round(max_lag * self.rate)
        return match_stem(self.document, self._track_id(track), plan, self.engine.reader, self.engine.render, lag)

    def take_out(self, track: TrackLike, *, max_lag: float = 1.0) -> Session:
        """Take a stem out of the mix that contains it (minus one): align the track, set its gain and pan, subtract it.

        Raises:
            EditError: when the track, or the mix without it, is silent, or it is not in the mix.
        """
        value = self[track]
        match = self.find_stem(track, max_lag=max_lag)
        if not match.found:
            problem = f"the track “{value.name}” was not found in the mix"
            raise EditError(problem, "Check that the mix contains it, or use set_track(..., subtract=True) as it is")
        gain, pan = match.gain, None
        if len(match.bus_gains) == 2 and gain > 0.0:
            stereo = any(clip.media.channels == 2 for clip in value.clips)
            gain, pan = pan_of((match.bus_gains[0], match.bus_gains[1]), stereo)
        return self.apply(match_track, value.id, match.lag.samples, gain, pan)

    def learn_operator(
        self, before: TrackLike, after: TrackLike, *, past: int = 4, future: int = 2, ridge: float | None = None
    ) -> Learned:
        """Learn what a process does to latents, from a track before it and the same track after it.

        `insert` applies the resulting `operator` to other tracks. Its `r2` is the share of a held-out part of the
        example that it explains; `accepted` says whether that is enough, at least 0.5.

        Args:
            past, future: latent frames before and after each frame that it is computed from.
            ridge: weight of the ridge; None to choose it.

        Raises:
            EditError: when the example is silent, or too short for this many frames.
        """
        info = self.engine.info(self.codec, self.rate)
        self.engine.prepare(self._plan(None), self.document, audio=True)
        ids = [[clip.id for clip in self[track].clips] for track in (before, after)]
        pair = example(self.document, *ids)
        return learn(pair, info, self.engine.reader, self.engine.render, past, future, ridge)

    def evaluate(self, *codecs: str, limit: int = 32, seeds: int = 1) -> Evaluation:
        """Measure codecs on the audible tracks: reconstruction, mixing, scaling, removal, linearity.

        Args:
            codecs: ids, or paths of models' folders; without any, the session's.
            limit: largest number of windows, spread over the session.
            seeds: number of seeds of the decoder's noise to measure with.

        Raises:
            CodecError: when there is no such codec, or it fails.
            EngineError: when there is no engine.
            MediaError: when no track is audible.
        """
        for media in self.document.used_media():
            self.engine.decode(media, self.document.seed)
        return evaluation_of(self.document, codecs or (self.codec,), max(1, limit), range(max(1, seeds)), self.engine)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and self.document == other.document

    def __hash__(self) -> int:
        return hash(self.document)

    def __repr__(self) -> str:
        tracks, clips = count_of(len(self), "track"), count_of(sum(1 for _ in self.document.clips()), "clip")
        return f"<Session {format_time(self.duration)}, {tracks}, {clips}, {self.codec}, {self.rate:,} Hz>"

    def _repr_html_(self) -> str:
        head = ("track", "gain", "pan", "", f"clips, to {format_time(self.duration)}")
        rows = [row_of(track, self.engine.store) for track in self.tracks]
        return display.block(display.table(head, rows) if rows else "", display.caption(repr(self)[1:-1]))
