"""recint: claims about the circuits of models of affine recurrences, tested so that they can lose."""

import os

__version__ = "0.1.0"
BAD_CALL = 2  # exit status where the input or the call is wrong

# Threads that wait in busy loops take cores that others need: beside a neighbour on two cores they made passes twice as slow and
# linear algebra on small matrices twelve times. Whatever the environment says goes first; the libraries read it when they load.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
