"""The part of Splunk's `splunk.rest` that solnlib uses to find splunkd, written for the stand-in."""

import configparser
import os
import urllib.error
import urllib.parse
import urllib.request


def simpleRequest(path, sessionKey=None, getargs=None, postargs=None, method="GET"):  # noqa: N802, N803
    """Send a request to the splunkd of this SPLUNK_HOME; return the response's headers and its body."""
    conf = configparser.RawConfigParser()
    conf.read(os.path.join(os.environ["SPLUNK_HOME"], "etc", "system", "local", "web.conf"))
    url = f"http://{conf['settings']['mgmtHostPort']}{path}"
    if getargs:
        url += "?" + urllib.parse.urlencode(getargs)
    body = urllib.parse.urlencode(postargs).encode() if postargs else None
    request = urllib.request.Request(  # noqa: S310 - http on loopback
        url, data=body, method="POST" if body else method
    )
    request.add_header("Authorization", f"Splunk {sessionKey}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - http on loopback
            return response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.headers, error.read()
