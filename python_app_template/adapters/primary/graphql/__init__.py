"""GraphQL over HTTP and WebSockets. YOURS: the schema speaks of orders; the rest asks it."""
