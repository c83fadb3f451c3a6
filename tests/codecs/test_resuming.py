"""A download over a connection that breaks goes on while anything arrives, and gives up after four vain attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lincae_studio.codecs.resuming import receive


class Connection:
    """Sends as many bytes as each attempt says, then breaks; None ends an attempt without an error."""

    def __init__(self, file: Path, attempts: list[int | None]) -> None:
        self.file = file
        self.attempts = attempts
        self.starts: list[int] = []

    def append(self, start: int) -> None:
        self.starts.append(start)
        length = self.attempts.pop(0)
        if length is None:
            return
        with open(self.file, "ab") as file:
            file.write(b"x" * length)
        raise ConnectionError("broken")


def received(file: Path, attempts: list[int | None]) -> tuple[list[int], list[int]]:
    """Where each attempt began, and the progress."""
    connection, progress = Connection(file, attempts), list[int]()
    receive(file, 10, connection.append, (ConnectionError,), EOFError("too early"), progress.append)
    assert file.stat().st_size == 10
    return connection.starts, progress


def test_each_attempt_continues_where_the_one_before_ended(tmp_path: Path) -> None:
    starts, progress = received(tmp_path / "a.part", [4, 0, 0, None, 1, 0, None, 0, 5])
    assert starts == progress == [0, 4, 4, 4, 4, 5, 5, 5, 5]


def test_what_is_there_is_kept_and_a_whole_file_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"x" * 7)
    assert received(tmp_path / "a.part", [3]) == ([7], [7])
    assert received(tmp_path / "a.part", []) == ([], [])


@pytest.mark.parametrize(("last", "error"), [(0, ConnectionError), (None, EOFError)])
def test_after_four_vain_attempts_the_reason_of_the_last_is_raised(
    tmp_path: Path, last: int | None, error: type[Exception]
) -> None:
    connection = Connection(tmp_path / "a.part", [4, 0, None, 0, last, 6])
    with pytest.raises(error):
        receive(connection.file, 10, connection.append, (ConnectionError,), EOFError("too early"), lambda _: None)
    assert connection.starts == [0, 4, 4, 4, 4]
    assert connection.file.stat().st_size == 4, "kept for the next download"


def test_other_errors_end_it_at_once(tmp_path: Path) -> None:
    def full(_start: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        receive(tmp_path / "a.part", 10, full, (ConnectionError,), EOFError("too early"), lambda _: None)
