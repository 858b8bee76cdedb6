"""Where objects meet: from a configuration to a registry that answers requests.

Nothing is decided here that a room could decide; the rooms are chosen, filled with settings and
joined, once for each process. A process imports the file that joins what it needs, and no more.
"""
