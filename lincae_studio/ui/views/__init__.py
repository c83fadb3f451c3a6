"""Views of the mix: over time below the tracks, or in panels at the side. One file each, listed in `registry.py`."""
