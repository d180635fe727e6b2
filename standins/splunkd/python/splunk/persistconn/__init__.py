"""The part of Splunk's `splunk.persistconn` that persistent REST handlers use, written for the stand-in."""
