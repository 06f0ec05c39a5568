"""The demonstration: a seller's days in seconds, on a real Kafka, and a board that shows what comes out."""
