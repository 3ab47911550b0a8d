"""Authentication and authorisation: which caller sent a request, and what that caller may do."""
