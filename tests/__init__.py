"""The tests: each folder says in its first line what it needs."""
