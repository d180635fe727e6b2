"""auth/login: a session key for a name and a password."""

from __future__ import annotations

from collections.abc import Mapping

from .replies import Document, RestProblem
from .rights import Sessions

LOGIN = "/services/auth/login"


def log_in(sessions: Sessions, method: str, form: Mapping[str, str]) -> Document:
    """Answer a request to log in. Raises RestProblem 401 where name and password do not belong together."""
    if method != "POST":
        raise RestProblem(405, f"{method} is not supported here")
    given = {name: value for name, value in form.items() if name != "output_mode"}
    if set(given) != {"username", "password"}:
        raise RestProblem(400, f"a login takes username and password, not {sorted(given)}")
    key = sessions.log_in_by_password(given["username"], given["password"])
    if key is None:
        raise RestProblem(401, "Login failed")
    return Document({"sessionKey": key, "message": "", "code": ""})
