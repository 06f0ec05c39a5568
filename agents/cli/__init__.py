"""The door and the commands: parse, call, print."""
