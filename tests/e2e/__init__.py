"""The whole service as a process, seen from outside alone, on a real Kafka and PostgreSQL."""
