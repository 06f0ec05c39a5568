"""How Hypothesis looks for examples: the same on every run, unless `--hypothesis-profile=explore` asks for more."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Histories are drawn from a seeded teller: large, slow to draw, worth it. A law's time says nothing of its truth.
_PATIENT = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("core", max_examples=40, deadline=None, derandomize=True, suppress_health_check=_PATIENT)
settings.register_profile("explore", max_examples=1_000, deadline=None, suppress_health_check=_PATIENT)
settings.load_profile("core")
