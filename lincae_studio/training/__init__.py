"""Training of Lin-CAE-type autoencoders. No Qt.

`synth` needs only numpy; training needs torch and the extra `train`.
"""
