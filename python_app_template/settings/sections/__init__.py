"""What can be set: sections with their fields, bounds and defaults."""
