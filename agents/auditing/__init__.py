"""For auditors: looks back at what was decided, and only reads."""
