"""The formats: bytes to commands, events to bytes."""
