"""What makes a driver impossible before anything was asked."""


class StoreUnusable(Exception):
    """The settings name no store, or nobody who could ask it; the text says what is wrong."""
