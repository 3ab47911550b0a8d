"""What is read: learners, boards, badges."""
