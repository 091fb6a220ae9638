"""The orders' domain: commands in, events out."""
