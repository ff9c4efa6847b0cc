"""Apache Atlas: a client for the REST API, the connection, and a test double."""
