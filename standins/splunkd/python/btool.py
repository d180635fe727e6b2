"""`splunk cmd btool <conf> list [<stanza>] [--app=<app>]`: the settings of a conf file as splunkd layers them.

Runs as the stand-in's `bin/splunk`, which does nothing else.
"""

import configparser
import os
import sys
from pathlib import Path

DEFAULTS = {
    "server": "[sslConfig]\nenableSplunkdSSL = true\nrequireClientCert = false\n"
    "serverCert = $SPLUNK_HOME/etc/auth/server.pem\nsslPassword = password\n",
    "web": "[settings]\nmgmtHostPort = 127.0.0.1:8089\n",
}


def layers(etc, conf, app):
    """Yield the paths of a conf file, the weakest first: system wins over apps, local over default."""
    names = [app] if app else sorted(path.name for path in (etc / "apps").iterdir())
    for layer in ("default", "local"):
        for name in reversed(names):
            yield etc / "apps" / name / layer / f"{conf}.conf"
    yield etc / "system" / "local" / f"{conf}.conf"


def main(arguments):
    """Print the conf file."""
    if len(arguments) not in (4, 5) or arguments[:2] != ["cmd", "btool"] or arguments[3] != "list":
        sys.exit(f"the stand-in does not know: splunk {' '.join(arguments)}")
    apps = [one[len("--app=") :] for one in arguments[4:] if one.startswith("--app=")]
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(DEFAULTS.get(arguments[2], ""))
    parser.read(layers(Path(os.environ["SPLUNK_HOME"], "etc"), arguments[2], apps[0] if apps else ""))
    wanted = [one for one in arguments[4:] if not one.startswith("--")]
    for section in parser.sections():
        if not wanted or section in wanted:
            sys.stdout.write(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in parser.items(section)))


main(sys.argv[1:])
