"""What `prove` is made of: the plan of kills, the processes that die, the load, the count of what came out."""
