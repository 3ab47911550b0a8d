"""Live streams: messages to clients about events as they are recorded."""
