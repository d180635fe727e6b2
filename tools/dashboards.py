"""Make the page that renders dashboards in the tests: Splunk's own dashboard packages, bundled by esbuild.

The packages are installed by npm as tests/dashboards/page/package-lock.json pins them, into build/dashboards/, once for
each state of what is bundled. npm follows its own settings and asks its cache first, so that a filled cache serves a
machine without a network.

Progress goes to stderr, the path of the folder that holds page.html and page.js to stdout.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from environment import ROOT, StepFailure, lock, run, say

SOURCES = ROOT / "tests" / "dashboards" / "page"
BUILT = ROOT / "build" / "dashboards"

INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--prefer-offline")
"""No script of a package runs: none is needed."""

BUNDLE = (
    "--bundle",
    "--minify",
    "--jsx=automatic",
    "--log-level=warning",
    '--define:process.env.NODE_ENV="production"',
    "--define:global=globalThis",
    "--loader:.css=text",
    "--loader:.woff=dataurl",
    "--loader:.woff2=dataurl",
)


def bundled() -> Path:
    """Return the folder of the page, after making it if need be. Raises StepFailure."""
    with lock(BUILT / "lock"):
        page = BUILT / f"page-{_state(SOURCES.iterdir())}"
        if not page.is_dir():
            packages = _installed()
            say("bundling the page that renders dashboards")
            with tempfile.TemporaryDirectory(dir=BUILT) as scratch:
                made = Path(scratch) / "page"
                made.mkdir()
                shutil.copyfile(SOURCES / "page.html", made / "page.html")
                shutil.copyfile(SOURCES / "page.jsx", packages / "page.jsx")
                esbuild = packages / "node_modules" / ".bin" / "esbuild"
                command = [str(esbuild), str(packages / "page.jsx"), *BUNDLE, f"--outfile={made / 'page.js'}"]
                run("Bundling the page", command)
                made.rename(page)
    return page


def _installed() -> Path:
    """Return the folder whose node_modules holds the pinned packages."""
    pins = [SOURCES / "package.json", SOURCES / "package-lock.json"]
    kept = BUILT / f"packages-{_state(pins)}"
    if not kept.is_dir():
        if shutil.which("npm") is None:
            raise StepFailure("npm was not found: install Debian's packages nodejs and npm, or Node.js 20.")
        say("installing Splunk's dashboard packages")
        with tempfile.TemporaryDirectory(dir=BUILT) as scratch:
            made = Path(scratch) / "packages"
            made.mkdir()
            for pin in pins:
                shutil.copyfile(pin, made / pin.name)
            run("Installing the dashboard packages", [*INSTALL, "--prefix", str(made)])
            made.rename(kept)
    return kept


def _state(files: Iterable[Path]) -> str:
    """Return a short name for the content of files."""
    found = hashlib.sha256()
    for file in sorted(files):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def main() -> int:
    """Make the page; return the exit status."""
    try:
        page = bundled()
    except (StepFailure, OSError) as problem:
        sys.stderr.write(f"dashboards: {problem}\n")
        return 1
    sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
