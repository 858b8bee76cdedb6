"""The benchmark's own logic; no server runs here."""
