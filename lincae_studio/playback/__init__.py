"""Sound: ring buffer, output, transport. No Qt, no torch."""
