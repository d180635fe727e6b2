"""What a Management Center and a client say to each other: no socket, no clock, no file."""
