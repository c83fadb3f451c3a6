"""From a session to sound: grid, plan, latent algebra, cache, renderer, stitching, and the process they run in.

No Qt. Everything the engine process does is a plain Python API: the command line and tests use it in-process.
"""
