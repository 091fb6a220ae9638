"""What the service does, a file each: process a batch, settle it, consume, relay; and the domain's handlers."""
