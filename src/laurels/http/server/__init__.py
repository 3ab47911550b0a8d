"""Around the routes: limits, deadlines, connections, stopping."""
