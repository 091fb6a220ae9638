"""Whose token it is: checked with PyJWT, by keys from settings or from the issuer."""
