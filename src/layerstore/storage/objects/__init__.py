"""Object stores: what all of them have in common. Nothing in here knows one of them by name."""
