"""Builds earlier versions from this repository's history, each in a folder of its own under build/history/.

Each version is built with its own tools from its own sources, and kept: tests of upgrades install it before the current
one.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from environment import StepFailure, lock, run, say

RELEASES = {"0.1.0": "bbea1d4b2c40bc5959969d6036d346db2f361a59"}
"""The commit of each version; docs/releasing.md lists them too."""


def package_of(root: Path, revision: str) -> Path:
    """Return the package of a version, or of any commit, and build it first if it is missing.

    Raises StepFailure if this clone does not have the commit, or if the build fails.
    """
    commit = commit_of(root, RELEASES.get(revision, revision))
    kept = root / "build" / "history" / commit[:12]
    with lock(kept.with_name(f"{commit[:12]}.lock")):
        built = sorted((kept / "dist").glob("*.spl"))
        if not built:
            say(f"building {revision} from history, which is commit {commit[:12]}")
            shutil.rmtree(kept, ignore_errors=True)
            unpack_sources(root, commit, kept)
            run(f"Building {revision}", [str(kept / "package.sh"), "--destination", str(kept / "dist")])
            built = sorted((kept / "dist").glob("*.spl"))
    if len(built) != 1:
        raise StepFailure(f"The build of {revision} left {len(built)} packages in {kept / 'dist'}.")
    return built[0]


def commit_of(root: Path, revision: str) -> str:
    """Return the complete name of a commit. Raises StepFailure when this clone does not have it."""
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.strip()
    shallow = _git(root, "rev-parse", "--is-shallow-repository")
    if shallow.returncode:
        raise StepFailure(f"{root} is not a git repository with history: {shallow.stderr.strip()}")
    if shallow.stdout.strip() == "true":
        raise StepFailure(
            f"The commit {revision} is not in this clone, which is shallow: run `git fetch --unshallow` first."
        )
    raise StepFailure(f"The commit {revision} is not in this clone: fetch the branch that holds it.")


def unpack_sources(root: Path, commit: str, folder: Path) -> None:
    """Write the sources of a commit into a folder, with a Git index of its own: the working tree stays as it is."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        git = ["env", f"GIT_INDEX_FILE={scratch}/index", "git", "-C", str(root)]
        run("Reading the history", [*git, "read-tree", commit])
        run("Writing the sources", [*git, "checkout-index", "--all", f"--prefix={folder}/"])


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise StepFailure("git was not found: versions of the past are built from the history.") from None
