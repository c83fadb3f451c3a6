"""DAWprojects: written by us, written by others, and refused."""
