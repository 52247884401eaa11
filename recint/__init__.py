"""recint: claims about the circuits of models of affine recurrences, tested so that they can lose."""

__version__ = "0.1.0"
BAD_CALL = 2  # exit status where the input or the call is wrong
