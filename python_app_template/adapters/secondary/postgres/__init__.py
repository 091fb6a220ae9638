"""The ports on PostgreSQL: SQLAlchemy Core on asyncpg. The SQL tables are known here alone."""
