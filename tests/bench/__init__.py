"""The benchmarks: `python -m tests.bench` measures, `figures` says what should come out. Never part of `make test`."""
