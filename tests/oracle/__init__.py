"""A second, slow and plain implementation of the contract, used only as an oracle for the real one.

It shares no code with `schemas` and `streams`, and must never import them: its worth is its independence.
"""
