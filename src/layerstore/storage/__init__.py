"""Bytes at paths: no digest, no repository, no HTTP."""
