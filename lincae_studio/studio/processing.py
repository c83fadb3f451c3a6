"""Processing clips in the Python interface: reverse, channels, levels, stretch and pitch. Any thread."""

from __future__ import annotations

from typing import Self

from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.conformed import ConformedMedia
from lincae_studio.media.measuring import Measure, level_of, silences_of, sounding
from lincae_studio.session import edits, model, processing
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Use
from lincae_studio.session.silence import Stripping, strip
from lincae_studio.studio.editing import ClipLike, Edited, clip_id_of


class Processed(Edited):
    """The edits that process clips; the audio is made when it is first needed."""

    def reverse(self, *clips: ClipLike) -> Self:
        """Play clips backwards, or forwards again."""
        return self.process(Reverse(), *clips)

    def invert(self, *clips: ClipLike) -> Self:
        """Invert the polarity of clips."""
        return self.process(Invert(), *clips)

    def remove_dc(self, *clips: ClipLike) -> Self:
        """Remove the DC offset of the files of clips."""
        return self.process(RemoveDC(), *clips)

    def use_channels(self, use: Use, *clips: ClipLike) -> Self:
        """Choose channels of stereo clips: "swap", "left", "right", "mono" for their mean, or "side"."""
        return self.process(Channels(use), *clips)

    def process(self, process: Process, *clips: ClipLike) -> Self:
        """Append a process to those of clips (`lincae_studio.session.processes`)."""
        return self.apply(processing.add_process, set(map(clip_id_of, clips)), process)

    def unprocess(self, *clips: ClipLike) -> Self:
        """Remove all processing of clips."""
        return self.apply(processing.set_chains, {clip_id_of(clip): () for clip in clips})

    def stretch_clip(
        self,
        clip: ClipLike,
        factor: float | None = None,
        *,
        length: float | None = None,
        tempo: tuple[float, float] | None = None,
        semitones: float | None = None,
    ) -> Self:
        """Make a clip longer or shorter, from its start on, and higher or lower.

        Args:
            factor: the new length, divided by that of the unstretched audio.
            length: in seconds, instead.
            tempo: of the audio and of the clip, in bpm, instead.
            semitones: pitch shift; positive is up, cents are fractions.
        """
        now = self.document.clip(clip_id_of(clip))
        if sum(value is not None for value in (factor, length, tempo)) > 1:
            raise EditError("a length is given twice", "Give one of factor, length and tempo")
        if tempo is not None:
            factor = tempo[0] / tempo[1]
        changed = self.apply(processing.set_stretch, {now.id}, factor=factor, semitones=semitones)
        if length is None:
            return changed
        return changed.apply(processing.stretch_clips, {now.id: (now.start, now.start + self._at(length))})

    def follow_tempo(self, clip: ClipLike, bpm: float) -> Self:
        """Let a clip follow the session's tempo; `bpm` is the tempo of its audio, 0 ends it."""
        return self.apply(processing.set_clip_tempo, {clip_id_of(clip)}, bpm)

    def normalise(self, *clips: ClipLike, peak_db: float | None = None, loudness: float | None = None) -> Self:
        """Set the gain of each clip to reach a peak in dBFS or a loudness in LUFS.

        Raises:
            MediaError: for a silent clip, or one that is too short or quiet to have a loudness.
            EditError: for both or neither, or when more than 24 dB would be needed.
        """
        if (peak_db is None) == (loudness is None):
            raise EditError("one level is needed", "Give peak_db or loudness")
        measure: Measure = "peak" if loudness is None else "loudness"
        target, changed = peak_db if loudness is None else loudness, self
        assert target is not None
        for one in map(clip_id_of, clips):
            now = self.document.clip(one)
            audio = self._audio_of(now)
            level = level_of(audio, now.offset, now.offset + now.length, measure, self.rate, now.name, CancelToken())
            changed = changed.apply(edits.set_clip_gain, {one}, db_to_gain(target - level))
        return changed

    def trim_silence(self, *clips: ClipLike, threshold_db: float = -60.0, keep: float = 0.01) -> Self:
        """Trim clips to where they are louder than a threshold in dBFS, and keep some seconds before and after.

        Raises:
            MediaError: for a clip that is never louder.
        """
        edges = {}
        for one in map(clip_id_of, clips):
            now = self.document.clip(one)
            last = now.offset + now.length
            found = sounding(self._audio_of(now), now.offset, last, db_to_gain(threshold_db), now.name, CancelToken())
            first, last = (now.start + place - now.offset for place in found)
            edges[one] = max(now.start, first - self._at(keep)), min(now.end, last + self._at(keep))
        return self.apply(edits.trim_clips, edges)

    def strip_silence(
        self,
        *clips: ClipLike,
        threshold_db: float = -48.0,
        silence: float = 0.25,
        sound: float = 0.05,
        before: float = 0.01,
        after: float = 0.1,
    ) -> Self:
        """Take the silence out of clips: each sound is a clip of its own, and nothing moves.

        Args:
            threshold_db: in dBFS; what is louder is sound.
            silence: the shortest silence that is taken out, in seconds; `sound`: the shortest sound that is kept.
            before, after: how much of the silence before and after a sound stays, in seconds.

        Raises:
            EditError: when there is no silence, or no sound.
        """
        stripping = Stripping(threshold_db, silence, sound, before, after)
        silent = {}
        for one in map(clip_id_of, clips):
            now = self.document.clip(one)
            scope = ((now.start, now.end),)
            silent[one] = silences_of(self._audio_of(now), now, scope, stripping, self.rate, CancelToken())
        return self.apply(strip, silent)

    def _audio_of(self, clip: model.Clip) -> ConformedMedia:
        media = self.document.media_of(clip.media)
        self.engine.decode(media, self.document.seed)
        return self.engine.store.open(clip.media)
