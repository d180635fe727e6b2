"""A tiny add-on of the tests' own: one kind of modular input and one REST handler, packed as a .spl."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

NAME = "TA_example"

SCRIPT = '''
import os, signal, sys
from xml.etree import ElementTree

SCHEME = """<scheme><title>Example</title><use_external_validation>true</use_external_validation>
<use_single_instance>false</use_single_instance><streaming_mode>xml</streaming_mode><endpoint><args>
<arg name="name"><data_type>string</data_type></arg>
<arg name="color"><title>Color</title><required_on_create>true</required_on_create></arg>
<arg name="size"><data_type>number</data_type></arg></args></endpoint></scheme>"""

if "--scheme" in sys.argv:
    print(SCHEME)
elif "--validate-arguments" in sys.argv:
    item = ElementTree.parse(sys.stdin).getroot().find("item")
    params = {param.get("name"): param.text for param in item}
    if params["color"] == "crash":
        sys.exit("it crashed")
    if params["color"] == "black":
        print(f"<error><message>{item.get('name')} cannot be black &amp; size {params.get('size')}</message></error>")
        sys.exit(1)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    root = ElementTree.parse(sys.stdin).getroot()
    params = {param.get("name"): param.text for param in root.iter("param")}
    data = " ".join(f"{key}={value}" for key, value in sorted(params.items()))
    os.write(1, f"<stream><event><time>1</time><data>{data}</data></event>".encode())
    while True:
        signal.pause()
'''

HANDLER = """
import splunk.admin as admin

class Handler(admin.MConfigHandler):
    def __init__(self, *args):
        super().__init__(*args)
        self.shouldAutoList = False

    def setup(self):
        if self.requestedAction == admin.ACTION_CREATE:
            self.supportedArgs.addReqArg("color")

    def handleList(self, info):
        info["one"]["action"] = str(self.requestedAction)

    def handleCreate(self, info):
        if self.callerArgs.data["color"] == ["black"]:
            raise ValueError("no black")
        info[self.callerArgs.id]["color"] = self.callerArgs.data["color"][0]

    def handleRemove(self, info):
        raise admin.NotFoundException("no such thing")

if __name__ == "__main__":
    admin.init(Handler, admin.CONTEXT_APP_ONLY)
"""

FILES: dict[str, str] = {
    "app.manifest": '{"info": {"id": {"name": "TA_example", "version": "1.0.0"}}}',
    "default/app.conf": "[package]\nid = TA_example\n[launcher]\nversion = 1.0.0\n",
    "default/inputs.conf": (
        "[example]\npython.version = python3\npython.required = 3.9, 3.13\ninterval = 60\nsize = 1\n"
    ),
    "default/example_things.conf": "[shipped]\ncolor = red\nsize = 1\n",
    "default/restmap.conf": (
        "[admin:example]\nmatch = /\nmembers = example_things, example_view\n"
        "[admin_external:example_things]\nhandlertype = python\nhandlerfile = example_rh.py\n"
        "handleractions = edit, list, remove, create\n"
        "[admin_external:example_view]\nhandlertype = python\nhandlerfile = example_rh.py\nhandleractions = list\n"
    ),
    "README/inputs.conf.spec": "[example://<name>]\ncolor = <string>\n* Its color = blue.\nsize = <number>\n",
    "README/example_things.conf.spec": "[<name>]\ncolor = <string>\nsize = <number>\n",
    "bin/example.py": SCRIPT,
    "bin/example_rh.py": HANDLER,
}


def pack(
    path: Path, changes: Mapping[str, str | None] | None = None, extra: list[tarfile.TarInfo] | None = None
) -> Path:
    """Write the package to `path`; `changes` replaces or (None) leaves out files, `extra` adds empty members."""
    files = {**FILES, **(changes or {})}
    folders = {NAME, *(f"{NAME}/{name.partition('/')[0]}" for name in files if "/" in name)}
    with tarfile.open(path, "w:gz") as archive:
        for folder in sorted(folders):
            archive.addfile(member(folder, tarfile.DIRTYPE, 0o755))
        for name, text in files.items():
            if text is not None:
                data = text.encode("utf-8")
                info = member(f"{NAME}/{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        for info in extra or []:
            archive.addfile(info)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> tarfile.TarInfo:
    """Return an archive member without content."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    return info
