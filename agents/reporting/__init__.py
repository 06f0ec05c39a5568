"""What became of the duties of a period, against the period before."""
