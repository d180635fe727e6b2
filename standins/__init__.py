"""What stands in for a Management Center, splunkd, Splunk Web and Splunk's search: strict, and usable as a library."""
