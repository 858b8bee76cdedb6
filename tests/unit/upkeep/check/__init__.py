"""Damage, made on trees of real pushes, is found, mended and healed."""
