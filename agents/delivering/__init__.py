"""Events go to people and programs: matched, put in order, worded, sent until they are acknowledged."""
