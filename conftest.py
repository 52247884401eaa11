"""Loads the plugin and the fixtures for pytest, and nothing else."""

from recint.shipped import FIXTURES

pytest_plugins = ["recint.plugin", FIXTURES]
