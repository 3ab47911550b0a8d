"""`track`: events that wait in a file until the service has them."""
