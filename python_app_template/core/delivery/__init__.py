"""The rules of exactly-once delivery, pure and without IO. Knows no domain, no Kafka, no SQL."""
