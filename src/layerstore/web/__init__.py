"""HTTP itself: requests, answers, ranges, and the one file that knows the server."""
