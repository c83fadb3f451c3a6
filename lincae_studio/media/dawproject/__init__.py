"""Interchange with other DAWs in the open DAWproject format (`.dawproject`), version 1.0. Any thread.

A zip of `project.xml`, `metadata.xml` and audio files. This implementation follows the published schema, reference and
example (github.com/bitwig/dawproject: Project.xsd, MetaData.xsd, README), as Bitwig Studio, Studio One and Cubase do.
`export` writes; `document` reads the XML safely, `timeline` flattens nested clips at the times of `tempo`, `mixer`
flattens channels, `envelopes` converts automation in both directions, `audio` imports the audio, and `reader` builds a
session from all of it.
"""

from __future__ import annotations
