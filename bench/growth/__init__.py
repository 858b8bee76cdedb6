"""Cost as work grows: each main operation at 1, 10, 100 and 1000 times its size."""
