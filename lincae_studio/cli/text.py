"""Text that is safe to print to a terminal."""

from __future__ import annotations

import sys


def plain(text: str) -> str:
    """Untrusted text with line breaks and escape sequences escaped, which could otherwise control the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def warn(text: str) -> None:
    """Print a warning of one line on standard error."""
    print(plain(f"warning: {text}"), file=sys.stderr)
