"""Local web page: a static file, and the server that processes its requests."""
