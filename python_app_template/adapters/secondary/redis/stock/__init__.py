"""Stock in Redis. Yours: how the copy is laid out, written and read."""
