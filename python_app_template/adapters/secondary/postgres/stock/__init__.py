"""Stock in Postgres. Yours: the tables of your own domain, how they are locked and loaded, what is written back."""
