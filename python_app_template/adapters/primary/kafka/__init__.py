"""Apache Kafka as the source of messages."""
