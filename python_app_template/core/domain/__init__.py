"""Orders and stock. YOURS: replace it with your own domain. Pure: no IO, no asyncio, no logging, no driver."""
