"""The service over HTTP: routes, their shapes, and how errors look on the wire."""
