"""Panels that can be docked beside the timeline."""
