"""One order's story, from all that still knows of it. Yours."""
