"""The journal as it is kept: lines, seals, snapshots, files."""
