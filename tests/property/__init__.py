"""Properties that hold whatever comes in: hypothesis looks for the counterexample."""
