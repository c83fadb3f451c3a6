"""Training Lin-CAE-type autoencoders, and measuring what any codec keeps of linearity. No Qt.

`metrics`, `evaluation`, `synth` need numpy alone; what trains needs torch, and the extra `train` for the loop.
"""
