"""The outside world: Kafka, Redis, Faust, metrics, files and the command line, around the stages in `streams`."""
