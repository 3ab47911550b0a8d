"""The queue behind `track`: events wait in a file until the service has them."""
