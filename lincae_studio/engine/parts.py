"""Chunks that are no part of a mix but tell of one: a term by itself, and a chunk with other noise. Any thread."""

from __future__ import annotations

import hashlib

import msgspec

from lincae_studio.engine.plan import AnyChunk, Chunk, Term

#: Keys of what is wanted for itself differ from those of mixes by their first word.
_TERM = "term"


def term_alone(term: Term, chunk: AnyChunk) -> Chunk:
    """A term of a chunk by itself, at full level on one bus: whatever its fader does, it is decoded once."""
    header = (term.key, chunk.codec.identity, chunk.grid, chunk.seed, chunk.index)
    key = hashlib.blake2b(msgspec.msgpack.encode(header), digest_size=20).hexdigest()
    alone = Term(term.key, term.source, (1.0,))
    return Chunk(f"{_TERM} {key}", chunk.index, chunk.codec, chunk.grid, chunk.seed, 1, (alone,))


def with_seed(chunk: AnyChunk, seed: int) -> Chunk:
    """The same sum, decoded from the noise of another seed."""
    concrete = chunk.concrete()
    return msgspec.structs.replace(concrete, key=f"seed {seed} {concrete.key}", seed=seed)
