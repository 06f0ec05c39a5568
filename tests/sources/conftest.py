"""How Hypothesis looks for examples here: the same on every run."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "sources", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sources")
