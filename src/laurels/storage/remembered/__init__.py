"""What a process remembers on the local disk of the store, for when that is away."""
