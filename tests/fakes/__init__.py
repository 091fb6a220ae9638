"""The outside world in memory, held to the promises of the ports."""
