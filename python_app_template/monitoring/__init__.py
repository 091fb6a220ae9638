"""How the service is seen from outside: logs, metrics, health. Watches the core, which knows nothing of it."""
