"""Frames on byte streams: cut into pieces, after noise, too long, or without an end."""

from __future__ import annotations

import io
import threading

import pytest

from lincae_studio.engine.process.frames import MAGIC, MOST_BYTES, Frames, NoiseError


class Dripping(io.RawIOBase):
    """A stream of which little can be read or written at once."""

    def __init__(self, data: bytes = b"", at_once: int = 3) -> None:
        self.data = bytearray(data)
        self._at_once = at_once

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self.data[: min(self._at_once, len(buffer))]
        buffer[: len(part)] = part
        del self.data[: len(part)]
        return len(part)

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        part = bytes(data[: self._at_once])
        self.data += part
        return len(part)


def sent(*frames: bytes) -> bytes:
    outgoing = Dripping()
    Frames(Dripping(), outgoing).send_bytes(*frames)
    return bytes(outgoing.data)


def test_frames_come_as_they_were_sent() -> None:
    frames = Frames(Dripping(sent(b"", b"one", b"x" * 1000)), Dripping())
    assert [frames.recv_bytes() for _ in range(3)] == [b"", b"one", b"x" * 1000]
    assert frames.received == 3 * 4 + 1003
    with pytest.raises(EOFError):
        frames.recv_bytes()


def test_what_a_shell_prints_before_the_engine_is_skipped() -> None:
    frames = Frames(Dripping(b"Welcome!\nlincae-studio engine\n\0lincae\0" + MAGIC + sent(b"hello")), Dripping())
    frames.find_beginning()
    assert frames.recv_bytes() == b"hello"


@pytest.mark.parametrize("noise", [b"", b"bash: no such thing\n", b"x" * 200_000])
def test_what_is_no_engine_is_reported_with_what_it_printed(noise: bytes) -> None:
    with pytest.raises(NoiseError) as caught:
        Frames(Dripping(noise, 1000), Dripping()).find_beginning()
    assert noise.decode().startswith(str(caught.value)[:100])


@pytest.mark.parametrize("length", [MOST_BYTES + 1, 0xFFFFFFFF])
def test_a_length_over_the_limit_is_refused_before_anything_is_kept(length: int) -> None:
    frames = Frames(Dripping(length.to_bytes(4, "big") + b"data"), Dripping())
    with pytest.raises(ValueError, match="impossible"):
        frames.recv_bytes()
    with pytest.raises(ValueError, match="impossible"):
        Frames(Dripping(sent(b"12345")), Dripping()).recv_bytes(4)


def test_a_frame_that_ends_early_is_the_end() -> None:
    frames = Frames(Dripping(sent(b"whole", b"cut")[:-1]), Dripping())
    assert frames.recv_bytes() == b"whole"
    with pytest.raises(EOFError):
        frames.recv_bytes()


def test_frames_of_several_threads_do_not_mix() -> None:
    outgoing = Dripping(at_once=7)
    frames = Frames(Dripping(), outgoing)

    def send(letter: bytes) -> None:
        for _ in range(50):
            frames.send_bytes(letter * 20, letter * 5)

    threads = [threading.Thread(target=send, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    received = Frames(Dripping(bytes(outgoing.data), 100), Dripping())
    pairs = [(received.recv_bytes(), received.recv_bytes()) for _ in range(150)]
    assert all(len(set(one + other)) == 1 and (len(one), len(other)) == (20, 5) for one, other in pairs)
