"""The protocol of slices as a model, tried in all its orders: exactly once holds, and each guard of it is needed."""
