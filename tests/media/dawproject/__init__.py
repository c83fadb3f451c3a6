"""DAWprojects: what is written, what others write, what is refused."""
