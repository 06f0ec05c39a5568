"""`python -m agents` is the `dueclock` command."""

from agents.cli.main import main

main()
