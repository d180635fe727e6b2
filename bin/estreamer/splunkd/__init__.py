"""What splunkd expects of an add-on, and what the add-on asks splunkd."""
