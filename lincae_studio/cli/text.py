"""Text that is safe to print to a terminal. Everything that commands print goes through here.

Names of files, tracks and codecs come from others. Control characters in them (C0, C1, line breaks) could move the
cursor, answer for the user or hide text; marks that change the writing direction could make one name look like another.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping


def plain(text: str) -> str:
    """Untrusted text on one line, with everything escaped that does not print as itself."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def show(*lines: str) -> None:
    """Print lines on standard output."""
    print("\n".join(map(plain, lines)))


def show_figures(figures: Mapping[str, object], lines: Iterable[str], as_json: bool) -> None:
    """Print figures as JSON, or else lines of text for them, on standard output."""
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        show(*lines)


def show_error(line: str) -> None:
    """Print one line on standard error."""
    print(plain(line), file=sys.stderr)


def warn(text: str) -> None:
    """Print a warning of one line on standard error."""
    show_error(f"warning: {text}")


class LogFormatter(logging.Formatter):
    """Formats log records of a command, which has no log file, for standard error."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(plain, super().format(record).split("\n")))
