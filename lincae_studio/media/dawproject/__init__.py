"""Interchange with other audio workstations in the open DAWproject format (`.dawproject`), version 1.0. Any thread.

A zip of `project.xml`, `metadata.xml` and audio files. The facts come from the published schema, its reference and its
example (github.com/bitwig/dawproject: Project.xsd, MetaData.xsd, README), which Bitwig Studio, Studio One and Cubase
follow. `export` writes; `document` reads the XML safely, `timeline` flattens its nested clips, `mixer` its channels
and automation, `audio` brings the audio in, `reader` makes a session of it all.
"""

from __future__ import annotations
