"""The REST endpoint that checks the connection of a saved account: GET or POST with the account's name."""

from __future__ import annotations

from typing import Any

import estreamer_rest as rest
from estreamer import check
from estreamer.errors import Problem
from estreamer_account_handler import CHECK_TIMEOUT, step_entry
from splunk import admin


class CheckHandler(rest.OwnHandler):
    """Runs the check and returns its steps. It saves nothing."""

    @rest.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Check the account of that name; without a name there is nothing to list."""
        if self.callerArgs.id:
            self._check(confInfo)

    @rest.refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Check the account of that name."""
        self._check(confInfo)

    def _check(self, answer: Any) -> None:
        name = self.callerArgs.id
        confs = rest.Splunkd(self.getSessionKey()).confs()
        if confs.stored_account(name) is None:
            raise admin.NotFoundException(f"There is no account {name!r}.")
        steps = _steps(confs, name)
        last = steps[-1]
        rest.add(
            answer[name],
            ok=last["ok"],
            failed_step=None if last["ok"] else last["name"],
            problem=None if last["ok"] else last["text"],
            code=last["code"],
            steps=steps,
        )


def _steps(confs: Any, name: str) -> list[dict[str, object]]:
    try:
        account = confs.account(name)
    except Problem as problem:
        return [step_entry(check.Step(check.STEPS[0], False, problem.text, problem))]
    return [step_entry(step) for step in check.run(account, timeout=CHECK_TIMEOUT)]


if __name__ == "__main__":
    admin.init(CheckHandler, admin.CONTEXT_APP_ONLY)
