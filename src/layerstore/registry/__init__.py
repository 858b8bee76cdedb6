"""Content in repositories: links to blobs over a StorageDriver. No HTTP."""
