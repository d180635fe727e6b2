"""The lane on a real Splunk: the package installed there, streaming from a stand-in for a Management Center, searched.

`lane` has the order of the steps, and what becomes of them; each other module is one of them, or serves several.
"""
