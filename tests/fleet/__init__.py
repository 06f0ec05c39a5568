"""A fleet on one machine: many workers, three brokers, restarts, upgrades and losses; nothing lost, nothing twice."""
