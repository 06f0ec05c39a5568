"""For operators: what is due, what was refused, and mending."""
