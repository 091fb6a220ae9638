"""The checker: clean on what is right, and naming what is not."""
