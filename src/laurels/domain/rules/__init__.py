"""What a rulebook is: criteria, measures, goals, points, levels, caps."""
