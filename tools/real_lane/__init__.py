"""The lane on a real Splunk: the package installed there, streaming from a stand-in for a Management Center, searched.

`lane` has the order of the steps and their outcomes; each other module is one step, or serves several.
"""
