"""What a rulebook is: criteria, measures, requirements, points, levels, caps."""
