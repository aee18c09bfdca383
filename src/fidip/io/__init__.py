"""Files and terminal: reading and writing in formats that other packages share."""
