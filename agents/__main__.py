"""`python -m agents` is the `dueclock` command."""

from agents.cli import main

main()
