"""What a service does while its store is away."""
