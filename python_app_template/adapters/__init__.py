"""What touches the outside: Kafka, PostgreSQL, HTTP, the wire formats. Primary drives, secondary is driven."""
