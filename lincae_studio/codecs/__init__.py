"""Codecs: the protocol they implement, the registry that finds them, and the codecs themselves. No Qt.

`base` and `registry` are light: the window gets information about codecs from them without loading any.
"""
