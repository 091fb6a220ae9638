"""How the service scales: more workers, and more of each thing that there may be more of."""
