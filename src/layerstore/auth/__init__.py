"""Who may: takes the Authorization text, answers a Grant or raises. No HTTP objects."""
