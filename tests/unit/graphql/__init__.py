"""GraphQL in front of a shop in memory."""
