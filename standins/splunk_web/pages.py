"""The pages of apps and their files: from the package, and replacements for Splunk Web's own files."""

from __future__ import annotations

import json
import mimetypes
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from defusedxml import ElementTree

from standins.splunkd import App, Splunkd
from standins.splunkd.install import installed

from .replies import LOCALE, Refused, Reply
from .sessions import Session

STATIC = Path(__file__).with_name("static")
VIEW_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
APP_FILE = re.compile(rf"/{LOCALE}/static/@[0-9.]+/app/([^/]+)/(.+)\Z")
OWN_FILE = re.compile(rf"/{LOCALE}/static/@[0-9.]+/(.+)\Z")


class Pages:
    """The pages and files that Splunk Web on a port shows to a user, from the apps of a splunkd."""

    def __init__(self, splunkd: Splunkd, port: int) -> None:
        self._splunkd = splunkd
        self._port = port

    def page(self, app_name: str, view: str, target: str, session: Session | None) -> Reply:
        """Return a view of an app, or a redirect to the login. Raises Refused."""
        if session is None:
            return Reply(303, headers=(("Location", f"/{LOCALE}/account/login?return_to={quote(target)}"),))
        app = self._app(app_name)
        root = _view(app, view)
        if root is None or not self._may_see(app, view, session):
            raise Refused(404, f"The view {view} was not found in {app_name}, or is not for {session.login.name}")
        if root.get("type") != "html":
            raise Refused(501, f"the stand-in shows no views of type {root.get('type') or root.tag}")
        owner, _, template = (root.get("template") or "").partition(":")
        file = app.path / "appserver" / template.lstrip("/")
        if owner != app_name or not file.resolve().is_relative_to(app.path.resolve()):
            raise Refused(404, f"The view {view} names the template {owner}:{template}")
        text = file.read_text("utf-8")
        if "${" in text or "<%" in text:
            raise Refused(501, "the stand-in renders no templates")
        return Reply(200, text.encode())

    def file(self, path: str, session: Session | None) -> Reply:
        """Return a file of an app or of Splunk Web. Raises Refused."""
        own_file, app_file = OWN_FILE.match(path), APP_FILE.match(path)
        if app_file:
            return _file(self._app(app_file.group(1)).path / "appserver" / "static", unquote(app_file.group(2)))
        scripts = {
            "config": lambda: f"window.$C = {json.dumps(self._config(session))};",
            "i18ncatalog": lambda: "",
            "js/i18n.js": lambda: (STATIC / "i18n.js").read_text("utf-8"),
            "build/api/get_theme.js": lambda: (
                f"window.__get_theme__ = {{getTheme: () => Promise.resolve('{_theme(session)}')}};"
            ),
            "build/api/layout.js": lambda: self._layout(session),
            "build/api/layout-dark.js": lambda: self._layout(session),
        }
        name = own_file.group(1) if own_file else path.removeprefix(f"/{LOCALE}/")
        if name not in scripts:
            raise Refused(404, "Not Found")
        return Reply(200, scripts[name]().encode(), "application/javascript; charset=UTF-8")

    def _config(self, session: Session | None) -> dict[str, object]:
        return {
            "BUILD_NUMBER": 1,
            "LOCALE": LOCALE,
            "MRSPARKLE_PORT_NUMBER": self._port,
            "SPLUNKD_PATH": f"/{LOCALE}/splunkd/__raw",
            "USERNAME": session.login.name if session else "",
        }

    def _layout(self, session: Session | None) -> str:
        app = installed(self._splunkd.home)[0]
        nav = ElementTree.fromstring((app.path / "default" / "data" / "ui" / "nav" / "default.xml").read_bytes())
        names = [view.get("name") or "" for view in nav.iter("view")]
        seen = [name for name in names if session is None or self._may_see(app, name, session)]
        views = [(name, root.findtext("label")) for name in seen for root in [_view(app, name)] if root is not None]
        about = {
            "app": app.name,
            "theme": _theme(session),
            "views": [{"name": name, "label": label or name} for name, label in views],
        }
        return f"window.__stand_in__ = {json.dumps(about)};\n" + (STATIC / "layout.js").read_text("utf-8")

    def _may_see(self, app: App, view: str, session: Session) -> bool:
        """Ask splunkd whether the metadata of the app let the user of the session read a view."""
        key = session.session_key
        return self._splunkd.request("GET", f"data/ui/views/{view}", app=app.name, session_key=key).status == 200

    def _app(self, name: str) -> App:
        for app in installed(self._splunkd.home):
            if app.name == name:
                return app
        raise Refused(404, f"There is no app {name}")


def _theme(session: Session | None) -> str:
    return session.login.theme if session else "light"


def _view(app: App, name: str) -> Any:
    """Return the XML of a view, None if the app has no such view."""
    path = app.path / "default" / "data" / "ui" / "views" / f"{name}.xml"
    return ElementTree.fromstring(path.read_bytes()) if VIEW_NAME.match(name) and path.is_file() else None


def _file(folder: Path, name: str) -> Reply:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise Refused(404, f"There is no file {name}")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Reply(200, path.read_bytes(), kind, (("Cache-Control", "max-age=3600"),))
