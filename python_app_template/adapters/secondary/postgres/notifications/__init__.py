"""What is kept of notifications. Yours."""
