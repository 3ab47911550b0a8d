"""Pages and static files, served from the package itself: a browser needs nothing from elsewhere."""
