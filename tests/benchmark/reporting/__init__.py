"""docs/performance.md and its plots, made of what the measurements left behind."""
