"""Service processes out of a fork server: starts cost a tenth of a second."""
