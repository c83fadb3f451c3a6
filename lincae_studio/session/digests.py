"""Digests of media at a session's sample rate. Pure functions.

The digest of media conformed to 44.1 kHz is the plain one, as it was when that was the only rate.
"""

from __future__ import annotations

from lincae_studio.session.model import DEFAULT_RATE, Rate

_HEX = 64
_HIGH: Rate = 48_000
_SUFFIX = f"@{_HIGH}"


def digest_at(digest: str, rate: Rate) -> str:
    """The digest of the same media conformed to a rate."""
    return digest[:_HEX] + (_SUFFIX if rate == _HIGH else "")


def plain(digest: str) -> str:
    """The digest without a rate: that of the file, or of a selection of its channels."""
    return digest[:_HEX]


def rate_of(digest: str) -> Rate:
    """The rate that media with this digest are conformed to, in Hz."""
    return _HIGH if digest.endswith(_SUFFIX) else DEFAULT_RATE
