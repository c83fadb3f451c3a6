"""Folders of diffusers with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codecs.diffusers.models import OPTIONS, save


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each of `OPTIONS`."""
    root = tmp_path_factory.mktemp("diffusers")
    return {name: save(root / name, name) for name in OPTIONS}
