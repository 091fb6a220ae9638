"""What drives the core: the consumer's loop and HTTP."""
