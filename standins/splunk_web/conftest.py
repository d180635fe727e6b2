from __future__ import annotations

from collections.abc import Iterator

import pytest

from standins.splunk_web import SplunkWeb
from standins.splunkd import Splunkd, example

VIEW = '<view template="TA_example:/templates/base.html" type="html"><label>Things</label></view>'


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SplunkWeb]:
    """A Splunk Web with a tiny add-on that has one page, one file, and two endpoints of which one is exposed."""
    folder = tmp_path_factory.mktemp("splunkweb")
    files = {
        "default/data/ui/views/things.xml": VIEW,
        "default/data/ui/views/dashboard.xml": "<dashboard><label>Board</label></dashboard>",
        "default/data/ui/nav/default.xml": '<nav><view name="things"/></nav>',
        "default/web.conf": "[expose:example]\npattern = example_things/*\nmethods = GET, POST\n",
        "appserver/templates/base.html": "<!DOCTYPE html><title>Things</title>",
        "appserver/static/things.js": "export default 1;",
        "appserver/secret.txt": "not served",
    }
    with Splunkd(folder / "home") as splunkd:
        splunkd.install(example.pack(folder / "example.spl", files))
        with SplunkWeb(splunkd) as running:
            yield running
