"""The checker: messages, events, dead letters and tables held against each other, without the service's own code."""
