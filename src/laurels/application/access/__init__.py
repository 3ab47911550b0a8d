"""API keys and rate limits: which callers the service accepts, and how often."""
