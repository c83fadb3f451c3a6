"""Text that is safe to print to a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Untrusted text with line breaks and escape sequences escaped, which could otherwise control the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
