"""What the core asks for and the outside provides: Kafka, Postgres, the clock."""
