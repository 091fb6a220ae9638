"""Bad input, by the million: `make fuzz`; a slice of it is in `make test`."""
