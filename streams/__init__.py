"""The pure core: lines of the journal in, SLA events out. No I/O, no clock, no randomness; imports `schemas` alone."""
