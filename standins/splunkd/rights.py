"""Who may do what: sessions of users, their roles' capabilities, and what endpoints and metadata ask for.

Rules that are played: authorize.conf declares a capability as `[capability::<name>]` and gives it in `[role_<name>]`;
restmap.conf asks for capabilities in `[admin:<name>]`, by expressions of names, `and`, `or` and parentheses, for all
methods (`capability`) or one (`capability.<method>`); an `[admin_external:<name>]` that asks for one is refused here,
where splunkd ignores it. storage/passwords asks for capabilities of Splunk's own, and for access to passwords.conf.
What an app holds (stanzas of a conf, passwords, views) is read and written by the roles that its metadata name for the
object (`[views/inputs]`), or else for its kind (`[views]`), or else for everything (`[]`); at each of these, local.meta
goes before default.meta. Whoever has `admin_all_objects` is let through everywhere.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from .confs import Confs, parse
from .install import App
from .replies import RestProblem

BUILT_IN: Mapping[str, frozenset[str]] = {
    "admin": frozenset(
        {"admin_all_objects", "list_storage_passwords", "edit_storage_passwords", "search", "restart_splunkd"}
    ),
    "sc_admin": frozenset({"list_storage_passwords", "edit_storage_passwords", "search"}),
    "power": frozenset({"search"}),
    "user": frozenset({"search"}),
}
DEFAULT_ACCESS = "read : [ * ], write : [ admin ]"
TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z_]\w*)")
ACCESS = re.compile(r"(read|write)\s*:\s*\[([^\]]*)\]")


@dataclass(frozen=True)
class User:
    """Somebody who has logged in."""

    name: str
    roles: tuple[str, ...]


ADMIN = User("admin", ("admin",))
SYSTEM = User("splunk-system-user", ("admin",))


class Sessions:
    """Session keys and whose they are, and authentication tokens with the session of each."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._tokens: dict[str, str] = {}
        self._passwords: dict[str, tuple[str, User]] = {}

    def know(self, user: User, password: str) -> None:
        """Let a user log in by a password."""
        self._passwords[user.name] = (password, user)

    def log_in_by_password(self, name: str, password: str) -> str | None:
        """Return the session key of a new session, None where name and password do not belong together."""
        known, user = self._passwords.get(name, ("", None))
        return self.log_in(user) if user is not None and known == password else None

    def log_in(self, user: User) -> str:
        """Return the session key of a new session."""
        key = secrets.token_hex(24)
        self.admit(key, user)
        return key

    def token(self, session_key: str) -> str:
        """Return a new authentication token of the user of a session."""
        token = secrets.token_urlsafe(24)
        self.admit_token(token, session_key)
        return token

    def admit(self, session_key: str, user: User) -> None:
        self._users[session_key] = user

    def admit_token(self, token: str, session_key: str) -> None:
        self._tokens[token] = session_key

    def key(self, scheme: str, secret: str) -> str | None:
        """Return the session key for what stands in the header `Authorization`, None if it opens nothing."""
        if scheme == "Bearer":
            return self._tokens.get(secret)
        return secret if scheme == "Splunk" and secret in self._users else None

    def user(self, session_key: str) -> User:
        return self._users[session_key]


def capabilities(user: User, apps: Iterable[App], confs: Confs) -> frozenset[str]:
    """Return what the user's roles have. Raises RestProblem 500 for a capability that nobody has declared."""
    declared: set[str] = set().union(*BUILT_IN.values())
    given: dict[str, set[str]] = {role: set(own) for role, own in BUILT_IN.items()}
    for app in apps:
        for name, layer in confs.stanzas(app.name, "authorize").items():
            if name.startswith("capability::"):
                declared.add(name.partition("::")[2])
            elif name.startswith("role_"):
                enabled = {key for key, value in layer.settings.items() if value == "enabled"}
                given.setdefault(name[len("role_") :], set()).update(enabled)
    undeclared = set().union(*given.values()) - declared
    if undeclared:
        raise RestProblem(500, f"authorize.conf gives the undeclared {sorted(undeclared)}")
    return frozenset(set().union(*(given.get(role, set()) for role in user.roles)))


def requirement(settings: Mapping[str, str], method: str) -> str:
    """Return the expression that a stanza of restmap.conf asks for, "" for none; both forms must hold if both stand."""
    found = [settings.get("capability", ""), settings.get(f"capability.{method.lower()}", "")]
    return " and ".join(f"({one})" for one in found if one.strip())


def holds(expression: str, owned: Iterable[str]) -> bool:
    """Evaluate an expression over capabilities. Raises RestProblem 500 for any other text."""
    tokens = TOKEN.findall(expression)
    if re.sub(r"\s", "", expression) != "".join(tokens):
        raise RestProblem(500, f"not an expression of capabilities: {expression!r}")
    value = _either(tokens, frozenset(owned), expression)
    if tokens:
        raise RestProblem(500, f"not an expression of capabilities: {expression!r}")
    return value


def _either(tokens: list[str], owned: frozenset[str], whole: str) -> bool:
    value = _both(tokens, owned, whole)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        right = _both(tokens, owned, whole)
        value = value or right
    return value


def _both(tokens: list[str], owned: frozenset[str], whole: str) -> bool:
    value = _one(tokens, owned, whole)
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        right = _one(tokens, owned, whole)
        value = value and right
    return value


def _one(tokens: list[str], owned: frozenset[str], whole: str) -> bool:
    token = tokens.pop(0) if tokens else ")"
    if token == "(":
        value = _either(tokens, owned, whole)
        if tokens[:1] != [")"]:
            raise RestProblem(500, f"not an expression of capabilities: {whole!r}")
        tokens.pop(0)
        return value
    if token in (")", "and", "or"):
        raise RestProblem(500, f"not an expression of capabilities: {whole!r}")
    return token in owned


def check(expression: str, user: User, owned: frozenset[str]) -> None:
    """Raise RestProblem 403 unless the user has what the expression asks for."""
    if expression and not holds(expression, owned):
        raise RestProblem(
            403,
            f"You (user={user.name}) do not have permission to perform this operation (requires capability: "
            f"{expression.strip('()')}).",
        )


def _metadata(app: App, name: str) -> dict[str, dict[str, str]]:
    path = app.path / "metadata" / name
    # The stanza for everything has an empty name, which a conf file cannot have.
    text = path.read_text("utf-8").replace("[]\n", "[*]\n") if path.exists() else ""
    return parse(text, f"metadata/{name}")


def may_access(app: App, kind: str, name: str | None, write: bool, user: User, owned: frozenset[str]) -> bool:
    """Return whether one of the user's roles may read or write an object of the app.

    `kind` is the name of a conf file without its ending, or `views`; without a `name` it is about what has no metadata
    of its own. `owned` are the capabilities of the user.
    """
    if "admin_all_objects" in owned:
        return True
    local, default = (_metadata(app, file) for file in ("local.meta", "default.meta"))
    objects = [] if name is None else [f"{kind}/{quote(name, safe='')}", f"{kind}/{name}"]
    found = [one.get(stanza, {}).get("access") for stanza in (*objects, kind, "*") for one in (local, default)]
    access = next(filter(None, found), DEFAULT_ACCESS)
    roles = dict(ACCESS.findall(access)).get("write" if write else "read", "")
    allowed = {role.strip() for role in roles.split(",")}
    return "*" in allowed or not allowed.isdisjoint(user.roles)
