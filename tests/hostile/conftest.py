"""Installations for the hostile tests: those of the live path."""

from tests.broker.conftest import make_live

__all__ = ["make_live"]
