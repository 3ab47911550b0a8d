"""Use cases over ports: recording, projecting, reading, rebuilding."""
