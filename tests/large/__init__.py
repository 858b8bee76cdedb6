"""Content of several gigabytes. Not part of the ordinary run: `make test-large` runs it."""
