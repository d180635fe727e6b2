"""A verified connection that never blocks: certificates, names, TLS, waiting, and what went wrong in sentences."""
