"""What badges ask for: criteria, what measures them, and when one is met."""
