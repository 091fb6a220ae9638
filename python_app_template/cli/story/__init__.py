"""What the commands know of orders: their keys, samples of them, the demo's tale, its closing check. YOURS."""
