"""Views of the mix: over time, below the tracks, and panels beside them. A file each; `registry.py` lists them."""
