"""Looking at everything that a service needs."""
