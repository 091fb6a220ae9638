"""Who may do what: subjects, scopes, and the one policy that every way in asks. No framework, no token in it."""
