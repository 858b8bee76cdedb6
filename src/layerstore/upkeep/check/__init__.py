"""Looking for damage, and mending what can be mended."""
