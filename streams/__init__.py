"""The domain: pure functions and frozen values. No I/O, no clock, no Kafka, no Redis; time is an argument."""
