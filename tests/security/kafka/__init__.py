"""A broker that lets in whom it knows."""
