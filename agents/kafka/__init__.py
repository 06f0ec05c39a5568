"""A broker as it is: clients, topics, logs, producers. Knows nothing of clocks."""
