"""The timeline: time axis, ruler, render bar, lanes, headers, master lane."""
