"""Stand-in for Splunk's command line library."""
