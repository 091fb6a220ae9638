"""The floor: a recorded run of the service, replayed without any logic, and what it takes to record and replay it."""
