"""How fast it is: orders per second from the first consumed message to the last visible event, beside a peer."""
