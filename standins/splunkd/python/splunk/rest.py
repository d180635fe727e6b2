"""The part of Splunk's `splunk.rest` that solnlib uses to find splunkd, written for the stand-in.

As published copies of the real one show, it goes by no proxy (`proxy_info=None`), and shows the certificate of Splunk
Web (web.conf) where there is one. Unlike the real one it verifies splunkd, by the CA in server.conf.
"""

import configparser
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request


def simpleRequest(path, sessionKey=None, getargs=None, postargs=None, method="GET"):  # noqa: N802, N803
    """Send a request to the splunkd of this SPLUNK_HOME; return the response's headers and its body."""
    web, server = _conf("web"), _conf("server")
    secure = server.get("sslConfig", "enableSplunkdSSL", fallback="false") == "true"
    url = f"{'https' if secure else 'http'}://{web['settings']['mgmtHostPort']}{path}"
    if getargs:
        url += "?" + urllib.parse.urlencode(getargs)
    body = urllib.parse.urlencode(postargs).encode() if postargs else None
    request = urllib.request.Request(  # noqa: S310 - on loopback
        url, data=body, method="POST" if body else method
    )
    request.add_header("Authorization", f"Splunk {sessionKey}")
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if secure:
        handlers.append(urllib.request.HTTPSHandler(context=_context(web, server)))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=30) as response:
            return response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.headers, error.read()


def _context(web, server):
    context = ssl.create_default_context(cafile=server["sslConfig"]["sslRootCAPath"])
    if web.has_option("settings", "privKeyPath"):
        context.load_cert_chain(web["settings"]["serverCert"], web["settings"]["privKeyPath"])
    return context


def _conf(name):
    conf = configparser.RawConfigParser()
    conf.optionxform = str  # type: ignore[method-assign,assignment]
    conf.read(os.path.join(os.environ["SPLUNK_HOME"], "etc", "system", "local", f"{name}.conf"))
    return conf
