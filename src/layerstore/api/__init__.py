"""/v2: the OCI protocol, as requests, answers and nothing below them."""
