"""Build the page that renders dashboards in the tests: Splunk's own dashboard packages, bundled by esbuild.

The page is built once for each state of the bundled files.

Progress goes to stderr, the path of the folder that holds page.html and page.js to stdout.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from environment import StepFailure, lock, run, say
from node_packages import BUILT, SOURCES, installed, state_of

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
    """Return the folder of the page, and build the page first if necessary. Raises StepFailure."""
    with lock(BUILT / "lock"):
        page = BUILT / f"page-{state_of([*SOURCES.iterdir(), Path(__file__)])}"
        if not page.is_dir():
            packages = installed()
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


def main() -> int:
    """Build the page; return the exit status."""
    try:
        page = bundled()
    except (StepFailure, OSError) as problem:
        sys.stderr.write(f"dashboards: {problem}\n")
        return 1
    sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
