"""The order of imported files."""

from __future__ import annotations

from pathlib import Path

from lincae_studio.media.importing import natural_order


def test_names_are_sorted_by_their_numbers_in_all_kinds_of_digits() -> None:
    names = ["take 10", "take 2", "1²2", "1²10", "²", "٣", "take ²", "take 02"]
    found = [path.name for path in natural_order([Path(name) for name in names])]
    assert sorted(found) == sorted(names)
    assert found.index("take 2") < found.index("take 10")
    assert found.index("1²2") < found.index("1²10")
