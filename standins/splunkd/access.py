"""Who may use which endpoint, and what a list shows to whom."""

from __future__ import annotations

from .confs import Confs
from .control import Control
from .data_inputs import DataInputs
from .endpoints import Answering, Endpoint, Indexes, PasswordsEndpoint, Views
from .handlers import External, Persistent
from .home import SplunkHome
from .install import installed
from .local_apps import LocalApps
from .replies import RestProblem
from .rights import Sessions, User, check, may_access
from .rights import capabilities as owned_by
from .search_jobs import SearchJobs

NEEDED = {Control: "restart_splunkd", LocalApps: "admin_all_objects", SearchJobs: "search"}
"""The capability that an endpoint of splunkd's own asks for. Where splunkd has finer ones, this is the coarse one."""


class Access:
    """Decides by the capabilities of a user, and by the metadata of apps."""

    def __init__(self, home: SplunkHome, confs: Confs, sessions: Sessions) -> None:
        self._home = home
        self._confs = confs
        self._sessions = sessions

    def authorize(
        self, endpoint: Endpoint | Answering, app: str, method: str, session_key: str, name: str | None
    ) -> None:
        """Raise RestProblem 403 when the user may not use the endpoint, or what it calls `name`, by this method."""
        user = self._sessions.user(session_key)
        owned = self.capabilities(user)
        write = method != "GET"
        if isinstance(endpoint, External):
            asked = endpoint.requirements(method)
            if all(asked):
                check(" or ".join(f"({one})" for one in asked), user, owned)
        elif isinstance(endpoint, Persistent):
            check(endpoint.requirement(method), user, owned)
        elif isinstance(endpoint, PasswordsEndpoint):
            check(f"admin_all_objects or {'edit' if write else 'list'}_storage_passwords", user, owned)
        elif isinstance(endpoint, (Control, LocalApps, SearchJobs)):
            check(NEEDED[type(endpoint)], user, owned)
        elif isinstance(endpoint, Indexes) and write and name != "_validateName":
            check("admin_all_objects", user, owned)
        if not self.permits(endpoint, app, name, session_key, write=write):
            action = "write" if write else "read"
            where = endpoint.path if name is None else f"{endpoint.path}/{name}"
            raise RestProblem(403, f"User '{user.name}' with roles {list(user.roles)} cannot {action} {where}")

    def permits(
        self, endpoint: Endpoint | Answering, app: str, name: str | None, session_key: str, *, write: bool = False
    ) -> bool:
        """Return whether metadata let the user of the session read or write what the endpoint calls `name`."""
        found = [one for one in installed(self._home) if one.name == app]
        kind = endpoint.path.partition("configs/conf-")[2]
        if isinstance(endpoint, DataInputs):
            kind, name = "inputs", None if name is None else f"{endpoint.path.rpartition('/')[2]}://{name}"
        elif isinstance(endpoint, PasswordsEndpoint):
            kind, name = "passwords", None if name is None else f"credential:{name}"
        elif isinstance(endpoint, Views):
            kind = "views"
        if not kind or not found:
            return True
        user = self._sessions.user(session_key)
        return may_access(found[0], kind, name, write, user, self.capabilities(user))

    def capabilities(self, user: User) -> frozenset[str]:
        """Return the capabilities that the roles of a user give."""
        return owned_by(user, installed(self._home), self._confs)
