"""The description of the service (OpenAPI)."""
