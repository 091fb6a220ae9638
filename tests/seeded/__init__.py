"""Bugs put into a copy of the service on purpose: for each the suite has to show that it would have been found."""
