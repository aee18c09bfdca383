"""Types and functions that all parts of fidip share."""
