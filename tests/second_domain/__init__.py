"""Another service, run through the same machinery: when it needs a change of the frame, the house is wrong."""
