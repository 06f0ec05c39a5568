"""The shell around the core: Faust, Kafka, clock, settings, command line. Decides nothing that the contract decides."""
