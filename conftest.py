"""Composition root: the plugin and the fixtures."""

pytest_plugins = ["recint.plugin", "fixtures.model"]
