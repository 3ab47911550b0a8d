"""Pages and static files, served from the package itself: a browser loads nothing from other sites."""
