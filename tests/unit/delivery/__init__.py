"""The rules of delivery, each alone: no loop, no fake."""
