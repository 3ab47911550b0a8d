"""Values and functions with no clock and no I/O: the rules of points, badges, streaks, levels and ranks."""
