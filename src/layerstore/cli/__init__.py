"""The commands, one file each, and the processes of `serve`."""
