"""Transformers fed with vectors."""

from recint.model.transformer import Model

__all__ = ["Model"]
