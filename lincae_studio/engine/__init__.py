"""From a session to sound: grid, plan, latent algebra, cache, renderer, stitching, and the process they run in.

No Qt. Everything that the engine process does is also a plain Python API, which the command line and the tests call
directly.
"""
