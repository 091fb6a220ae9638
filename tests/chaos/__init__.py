"""Faults by the thousand on real servers, from a seed: `rounds.py` says what a round is, `catalogue.py` which kinds."""
