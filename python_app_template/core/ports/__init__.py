"""What the core asks of the outside world. No port mentions the domain."""
