"""The local web page: one static file, and the server that runs what it asks for."""
