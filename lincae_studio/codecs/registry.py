"""The codecs that can be chosen: one line each. Facts cost nothing; a codec is loaded only where it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lincae_studio.codecs import mdct
from lincae_studio.codecs.base import Codec, CodecFacts
from lincae_studio.errors import CodecError


@dataclass(frozen=True)
class Entry:
    """A codec's facts, and how it is loaded."""

    facts: CodecFacts
    load: Callable[[], Codec]


_ENTRIES = (
    Entry(mdct.MDCT_1X, mdct.load_mdct_1x),
    Entry(mdct.MDCT_2X, mdct.load_mdct_2x),
    Entry(mdct.MDCT_4X, mdct.load_mdct_4x),
)


def all_facts() -> tuple[CodecFacts, ...]:
    """Facts of every codec, in the order they are listed to people."""
    return tuple(entry.facts for entry in _ENTRIES)


def facts(codec_id: str) -> CodecFacts:
    """Facts of one codec. Raises `CodecError` for an unknown id, listing the known ones."""
    return _entry(codec_id).facts


def load(codec_id: str) -> Codec:
    """The codec itself. Raises `CodecError` for an unknown id."""
    return _entry(codec_id).load()


def _entry(codec_id: str) -> Entry:
    for entry in _ENTRIES:
        if entry.facts.id == codec_id:
            return entry
    known = ", ".join(entry.facts.id for entry in _ENTRIES)
    raise CodecError(f"there is no codec {codec_id!r}", f"Choose one of {known}")
