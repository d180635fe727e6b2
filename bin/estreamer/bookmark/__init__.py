"""Where to resume, and which events that are sent again are duplicates."""
