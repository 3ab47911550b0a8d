"""Connections as uvicorn serves them: how much is read from each, and when one is closed."""
