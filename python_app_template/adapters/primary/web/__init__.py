"""HTTP as every API of ours speaks it, whatever it is about. No domain in it."""
