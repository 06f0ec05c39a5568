"""The board: what is due, in a browser."""
