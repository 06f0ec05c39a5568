"""`dueclock explain` and `dueclock what-if`: stories of golden cases, from files and on a real broker."""
