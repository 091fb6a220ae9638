"""Contract, section 12, views: whatever befalls the projector or its Redis, the copy is the tables' again."""
