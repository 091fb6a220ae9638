"""The ports on Apache Kafka that the core calls."""
