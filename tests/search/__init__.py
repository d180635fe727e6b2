"""The mapping tables of the add-on, row by row, from an event's text to what a search finds."""
