"""What the system stands on: the embedded Kafka, and files to run dueclock elsewhere."""
