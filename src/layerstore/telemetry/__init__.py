"""What is told about the server: log lines, and the numbers that its processes share."""
