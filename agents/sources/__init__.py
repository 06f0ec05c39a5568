"""The ways in, seen from outside: files are read, notifications go to JSON lines or to Kafka, what was sent is noted.

What an entry means is decided in `streams.sources`; here are bytes, brokers, the time of day and the terminal.
"""
