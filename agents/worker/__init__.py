"""Keeps partitions while nobody asks. The only room that knows Faust."""
