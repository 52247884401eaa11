"""Composition root: the plugin and the fixtures."""

from recint.shipped import FIXTURES

pytest_plugins = ["recint.plugin", FIXTURES]
