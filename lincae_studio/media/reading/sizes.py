"""Sizes in headers that libsndfile found wrong, and does not report as errors."""

from __future__ import annotations

import re

from lincae_studio.media.reading.problems import truncated_at

#: What programs that write to a pipe put in place of a size: as much as the field, or an int, holds, or nearly so.
PLACEHOLDERS = (range(0x7FFF_0000, 0x8000_1000), range(0xFFFF_F000, 1 << 32), range((1 << 63) - 1, 1 << 64))

#: Audio chunks whose size is reported as wrong: CAF `data`, AIFF `SSND`, AU `Data Size`, W64 `riff`.
_CHUNK_SIZE = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+)\s*\(should be (\d+)\)", re.MULTILINE)


def check_sizes(log: str) -> None:
    """Raise `UnreadableError` if libsndfile's log of a file's header says that audio is missing."""
    for promised, present in _CHUNK_SIZE.findall(log):
        if int(present) < int(promised) and not any(int(promised) in sizes for sizes in PLACEHOLDERS):
            raise truncated_at(int(present) / int(promised))
