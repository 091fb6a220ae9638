"""Orders in, allocations out, exactly once."""
