"""The service over HTTP: routes, their shapes, and the form of errors on the wire."""
