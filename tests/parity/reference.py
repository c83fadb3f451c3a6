"""The reference package: tests that ask it are skipped where it is not installed, unless it is required."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def load_reference(name: str = "linear_cae") -> Any:
    """A module of the reference. With LINCAE_STUDIO_PARITY=required a missing one is an error."""
    if os.environ.get("LINCAE_STUDIO_PARITY") == "required":
        return importlib.import_module(name)
    return pytest.importorskip(name, reason="the reference package linear-cae is not installed")
