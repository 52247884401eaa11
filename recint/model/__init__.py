"""Transformers whose inputs are vectors instead of tokens."""

from recint.model.transformer import Model

__all__ = ["Model"]
