"""Everything that is read: learners, boards, badges."""
