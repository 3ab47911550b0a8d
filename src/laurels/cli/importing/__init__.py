"""Everything that brings events from elsewhere."""
