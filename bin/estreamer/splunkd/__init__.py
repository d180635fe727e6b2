"""What splunkd expects of an add-on, and what is asked of it."""
