"""Training of Lin-CAE-type autoencoders, and evaluation of the quality and linearity of any codec. No Qt.

`metrics`, `evaluation` and `synth` need only numpy; training needs torch and the extra `train`.
"""
