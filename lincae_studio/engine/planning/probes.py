"""Chunks that help to analyse a mix: a single term, a chunk with other noise, latents alone. Any thread."""

from __future__ import annotations

import hashlib

import msgspec

from lincae_studio.engine.planning.contributions import Contribution, Term
from lincae_studio.engine.planning.plan import Chunk

#: The keys of probes begin with one of these words; those of a mix never do.
_LATENTS, _TERM, _SEED = _PREFIXES = ("latents", "term", "seed")


def is_probe(key: str) -> bool:
    """Whether a key belongs to a probe and not to a chunk of a mix."""
    return key.partition(" ")[0] in _PREFIXES


def latents_only(chunk: Chunk) -> Chunk:
    """The same sum, not decoded."""
    return msgspec.structs.replace(chunk, key=f"{_LATENTS} {chunk.key}", audio=False)


def term_alone(term: Term, chunk: Chunk) -> Chunk:
    """A term of a chunk by itself, with its insert, at unity gain on one bus: its fader never decodes it again."""
    header = (term.key, chunk.codec.identity, chunk.grid, chunk.seed, chunk.index)
    key = hashlib.blake2b(msgspec.msgpack.encode(header), digest_size=20).hexdigest()
    if term.insert is not None:
        key = hashlib.blake2b(key.encode() + msgspec.msgpack.encode(term.insert), digest_size=20).hexdigest()
    kernel = chunk.kernels[term.insert.kernel] if term.insert is not None else None
    contribution = Contribution(0, (Term(term.key, term.source, (1.0,), (), term.insert),), kernel=kernel)
    return Chunk(f"{_TERM} {key}", chunk.index, chunk.codec, chunk.grid, chunk.seed, 1, (contribution,))


def term_edited(term: Term, chunk: Chunk) -> Chunk:
    """As `term_alone`, with the regions that change the term within the chunk."""
    masks = term.masks + chunk.masks
    alone = term_alone(term, chunk)
    if not masks:
        return alone
    key = hashlib.blake2b(alone.key.encode() + msgspec.msgpack.encode(masks), digest_size=20).hexdigest()
    return msgspec.structs.replace(alone, key=f"{_TERM} {key}", masks=masks)


def term_latents(term: Term, chunk: Chunk) -> Chunk:
    """The latents of a single term; nothing is decoded."""
    alone = term_alone(term, chunk)
    return msgspec.structs.replace(alone, key=f"{_LATENTS} {alone.key}", audio=False)


def with_seed(chunk: Chunk, seed: int) -> Chunk:
    """The same sum, decoded from the noise of another seed."""
    return msgspec.structs.replace(chunk, key=f"{_SEED} {seed} {chunk.key}", seed=seed)


def silence_of(chunk: Chunk) -> Chunk:
    """A chunk of the same length whose latents are those of silence, the origin of the sums; nothing is encoded."""
    term = chunk.terms[0]
    none = Term(term.key, term.source, (0.0,))
    key = f"{_LATENTS} of silence {chunk.codec.identity} {chunk.grid.frames} {term.key}"
    return Chunk(key, chunk.index, chunk.codec, chunk.grid, chunk.seed, 1, (Contribution(0, (none,)),), audio=False)
