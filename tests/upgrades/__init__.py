"""What other versions of the program wrote or will write: journals kept for good, and how each command ends on them."""
