"""Data sets of latents: made from many audio files, in this process or on a cluster, and read back. No Qt.

`run.py` is the way in. Each item is made by the functions of `making.py`, wherever that is, so results are equal bit
for bit. Only `cluster.py` imports Ray, and only `torch_data.py` imports torch.
"""
