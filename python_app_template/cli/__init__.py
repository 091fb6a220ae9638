"""The operator's commands: thin, each a question to the service's adapters and an answer on the screen."""
