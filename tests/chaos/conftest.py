"""Installations for the tests of faults."""

from __future__ import annotations

from tests.broker.conftest import make_live

__all__ = ["make_live"]
