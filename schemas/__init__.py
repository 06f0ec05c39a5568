"""What crosses a wire or a disk: notifications, SLA events, dead letters, topics, policies. Pure."""
