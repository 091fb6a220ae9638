"""Redis, or Valkey: a place for copies, never for the truth."""
