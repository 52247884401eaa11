"""recint: claims about the circuits of models of affine recurrences, tested so that they can lose."""

import os

__version__ = "0.1.0"
BAD_CALL = 2  # the exit status if the input or the call is wrong

# A thread that waits in a busy loop occupies a core. With another process on the same two cores, passes took twice as long, and
# linear algebra on small matrices took twelve times as long. The libraries read these variables when they are loaded. A value
# that the environment already has is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
