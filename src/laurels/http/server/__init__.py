"""The layers around the routes: limits, deadlines, connections, stopping."""
