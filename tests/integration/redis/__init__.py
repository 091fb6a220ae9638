"""The copy of stock on a real Redis."""
