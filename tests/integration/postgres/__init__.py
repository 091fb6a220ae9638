"""The Postgres adapter on a real server."""
