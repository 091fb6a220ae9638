"""Mail: letters to a mail server, or to the log."""
