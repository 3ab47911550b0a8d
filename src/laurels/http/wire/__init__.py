"""The shapes on the wire: bodies, answers, problems, streams and their description."""
