"""What a digest looks like."""
