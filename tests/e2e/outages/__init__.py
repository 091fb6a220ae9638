"""Servers that go away: each module here has its own, which nobody else needs."""
