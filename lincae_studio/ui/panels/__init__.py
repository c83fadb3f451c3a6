"""Dockable panels beside the timeline."""
