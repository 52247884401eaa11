"""All that a task of a sweep needs, for `dask worker --preload recint.worker`: loaded before the first task comes."""

from recint import sweep_task  # noqa: F401


def dask_setup(worker: object) -> None:
    """Called by Dask as the worker starts."""
    import transformer_lens.model_bridge  # noqa: F401
