"""Work that no request asked for: what is left over is taken away while the registry serves."""
