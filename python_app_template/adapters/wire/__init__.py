"""The formats: bytes to commands, events to bytes. YOURS: replace it with your own."""
