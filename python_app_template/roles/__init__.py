"""What a process may be: a module for each role wires its use cases to its adapters."""
