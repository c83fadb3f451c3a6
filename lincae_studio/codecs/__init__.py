"""Codecs: the protocols of codecs and families, the registry that finds them, and the codecs themselves. No Qt.

`base`, `family` and `registry` are light: the window gets information about codecs from them without loading any.
"""
