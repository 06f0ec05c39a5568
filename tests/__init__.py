"""The proof. A package, so that no distribution with a `tests` of its own can take the name."""
