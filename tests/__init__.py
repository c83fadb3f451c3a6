"""The tests compute in one thread, as do the processes that they start.

Networks here are so small that the threads of torch and numpy only wait for each other: twice the processor time, and
many times that where other programs run. And with other threads come other last bits, so processes that are compared
must agree. Set here, before anything imports numpy or torch.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
