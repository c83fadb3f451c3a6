"""Errors in audio files; the reader adds the file name."""

from __future__ import annotations

#: The remedy for files in formats or encodings that are not supported.
CONVERT = "Convert it to WAV with PCM samples, or to FLAC"


class UnreadableError(Exception):
    """A file whose audio cannot be read in full. The message has no file name; `remedy` is a full sentence."""

    def __init__(self, problem: str, remedy: str = "Export it again from its source") -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def truncated_at(share: float | None = None) -> UnreadableError:
    """An incomplete file; `share`: how much of its audio is present, from 0 to 1, if known."""
    percent = 0.0 if share is None else min(99.9, 100.0 * share)
    found = "" if share is None else f", {percent:.{0 if percent < 99 else 1}f} % of its audio is present"
    return UnreadableError(f"it is truncated or damaged{found}", "Copy or export the file again")
