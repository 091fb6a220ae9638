"""An open loop: orders are sent when they are due, whether or not those before were answered."""
