"""Secrets, rights, encryption: what must never be shown, and how little suffices."""
