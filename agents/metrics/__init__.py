"""Every metric: names, collectors, counters, and the endpoint that shows them."""
