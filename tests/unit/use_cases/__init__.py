"""The use cases on the fakes."""
