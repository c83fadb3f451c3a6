"""Codecs: the protocol they fill, the registry that finds them, and the codecs themselves. No Qt.

`base` and `registry` are light: the window reads facts from them without loading any codec.
"""
