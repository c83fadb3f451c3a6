"""Sizes in headers that libsndfile found wrong, and does not report as errors."""

from __future__ import annotations

import re

from lincae_studio.media.reading.problems import truncated_at

#: Placeholders for sizes in files written to a pipe: the largest value of the field or of an int, or nearly that.
PLACEHOLDERS = (range(0x7FFF_0000, 0x8000_1000), range(0xFFFF_F000, 1 << 32), range((1 << 63) - 1, 1 << 64))

#: Audio chunks whose size is reported as wrong: CAF `data`, AIFF `SSND`, AU `Data Size`, W64 `riff`.
_CHUNK_SIZE = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+)\s*\(should be (\d+)\)", re.MULTILINE)


def check_sizes(log: str) -> None:
    """Raise `UnreadableError` if libsndfile's log of a file's header says that audio is missing."""
    for promised, present in _CHUNK_SIZE.findall(log):
        if int(present) < int(promised) and not any(int(promised) in sizes for sizes in PLACEHOLDERS):
            raise truncated_at(int(present) / int(promised))
