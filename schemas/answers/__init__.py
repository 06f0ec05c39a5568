"""What commands answer with `--json`: one struct for each document, and for each object in one.

A document says all of its members always; what is absent is null. Members are added, never renamed or taken away: the
JSON Schemas are generated from these structs and leave unknown members open, so that a script ignores what it does not
know. Instants are RFC 3339 in UTC. Only what a script may rely on is here; what people read is made from the same.
"""
