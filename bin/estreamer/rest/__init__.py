"""What the pages and administrators ask of the add-on by REST."""
