"""Mail, against a real mail server."""
