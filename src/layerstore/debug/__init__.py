"""The debug address: whether all is well, the switch, and figures. Nothing of a repository."""
