"""Text for a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Text from strangers without line breaks and escape sequences, which would command the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
