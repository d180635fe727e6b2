"""What finishes the add-on after its generator: UCC runs this file at the end of `ucc-gen build`.

UCC looks for it beside the folder `package`, whose links are the sources, and imports two functions by their names. Of
the two it tells only `cleanup_output_files` where the generated add-on lies, so all is done there. UCC exits with 0 in
spite of an exception, and treats an ImportError as a function that is not there; hence a failure here ends UCC with a
sentence and status 1.
"""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
"""The repository, also where a build has only a link to this file."""

sys.path.append(str(ROOT / "tools"))

from environment import StepFailure, read_version  # noqa: E402 - only reachable with the path above
from libraries import REQUIREMENTS, prepare_wheels, unpack_libraries  # noqa: E402 - as above


def cleanup_output_files(output_path: str, ta_name: str) -> None:
    """Finish the add-on `ta_name` that was generated in the folder `output_path`.

    Ends the generator with a sentence and status 1 when a step cannot do what it has to.
    """
    try:
        finish(ROOT, Path(output_path) / ta_name)
    except (StepFailure, OSError, ImportError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        sys.exit(f"additional_packaging.py: {problem}")


def finish(root: Path, addon: Path) -> None:
    """Make of what the generator wrote what ships."""
    version = read_version(root)
    check_version(addon, version)
    remove_leftovers(addon)
    add_libraries(root, addon)
    add_pages(root, addon)
    use_settings_handler(addon)
    narrow_exposure(addon)
    name_python(addon)
    append_additions(root, addon)
    fix_build_number(addon, build_number(version))


def build_number(version: str) -> int:
    """Return the number that Splunk puts into the addresses of static files: it rises with the version."""
    major, minor, patch = (int(part) for part in version.split("."))
    return (major * 1000 + minor) * 1000 + patch + 1


def check_version(addon: Path, version: str) -> None:
    """Raise StepFailure unless the add-on was generated with the version of app.manifest."""
    generated = (addon / "VERSION").read_text(encoding="utf-8").split("\n")[0]
    if generated != version:
        raise StepFailure(
            f"ucc-gen took {generated} as the version, and app.manifest has {version}. "
            f"Run: ucc-gen build --ta-version {version}"
        )


def remove_leftovers(addon: Path) -> None:
    """Remove what lies among the sources without being one: compiled files, and files of editors and systems."""
    for path in sorted(addon.rglob("*"), reverse=True):
        if path.name.startswith(".") or path.suffix == ".pyc" or path.name == "__pycache__":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def add_libraries(root: Path, addon: Path) -> None:
    """Give the add-on its libraries and the list of them."""
    library = addon / "lib"
    library.mkdir(exist_ok=True)
    unpack_libraries(prepare_wheels(root)[1], library)
    shutil.copyfile(root / REQUIREMENTS, library / "requirements.txt")


def fix_build_number(addon: Path, number: int) -> None:
    """Put a fixed number where the generator writes the time: into app.conf and the addresses in its page."""
    conf = addon / "default" / "app.conf"
    text = conf.read_text(encoding="utf-8")
    found = re.search(r"^build = (\d+)$", text, re.MULTILINE)
    if found is None:
        raise StepFailure("The generated app.conf has no build number.")
    conf.write_text(text.replace(found[0], f"build = {number}"), encoding="utf-8")
    page = addon / "appserver" / "templates" / "base.html"
    html, count = re.subn(r"/@\d{10}/", f"/@{number}/", page.read_text(encoding="utf-8"))
    if count == 0:
        raise StepFailure("The generated base.html has no build number.")
    page.write_text(html, encoding="utf-8")


def use_settings_handler(addon: Path) -> None:
    """Have the add-on's own handler serve the settings: the generator lets it be named for accounts and inputs only."""
    script = addon / "bin" / f"{addon.name}_rh_settings.py"
    text = script.read_text(encoding="utf-8")
    changed = text.replace("        handler=AdminExternalHandler,\n", "        handler=SettingsHandler,\n").replace(
        "from splunktaucclib.rest_handler.admin_external import AdminExternalHandler\n",
        "from estreamer.rest.endpoints import SettingsHandler\n",
    )
    if "AdminExternalHandler" in changed or changed == text:
        raise StepFailure("The generated handler of the settings is not as expected.")
    script.write_text(changed, encoding="utf-8")


def name_python(addon: Path) -> None:
    """Have splunkd 9.3 and 9.4 run the generated handlers under Python 3.9: to them `python3`, as generated, is 3.7.

    Later versions of splunkd go by `python.required` beside it.
    """
    conf = addon / "default" / "restmap.conf"
    text = conf.read_text(encoding="utf-8")
    changed, count = re.subn(r"^python\.version = python3$", "python.version = python3.9", text, flags=re.MULTILINE)
    if count == 0 or count != len(_HANDLER.findall(text)):
        raise StepFailure("The generated restmap.conf does not name a Python as expected.")
    conf.write_text(changed, encoding="utf-8")


_HANDLER = re.compile(r"^\[admin_external:(\w+)\]\n(?:[^\[\n].*\n)*?handleractions = (.+)$", re.MULTILINE)
_EXPOSED = re.compile(r"\[expose:[^\]]+\]\npattern = (.+)\nmethods = (.+)\n*")
_METHODS = {"list": "GET", "create": "POST"}
_METHODS_OF_ONE = {"list": "GET", "edit": "POST", "remove": "DELETE"}


def narrow_exposure(addon: Path) -> None:
    """Expose each handler to browsers by those methods only that it has an action for.

    The generator exposes more: GET of an endpoint that only acts, for one, which any page could have a browser send.
    """
    restmap = (addon / "default" / "restmap.conf").read_text(encoding="utf-8")
    actions = {name: re.split(r",\s*", found.strip()) for name, found in _HANDLER.findall(restmap)}
    web = addon / "default" / "web.conf"
    text = web.read_text(encoding="utf-8")
    if not actions or _EXPOSED.sub("", text).strip():
        raise StepFailure("The generated restmap.conf or web.conf is not as expected.")

    def narrowed(stanza: re.Match[str]) -> str:
        name, separator, _ = stanza[1].partition("/*")
        if name not in actions:
            return stanza[0].rstrip() + "\n\n"
        known = _METHODS_OF_ONE if separator else _METHODS
        methods = ", ".join(known[action] for action in actions[name] if action in known)
        return stanza[0].replace(f"methods = {stanza[2]}", f"methods = {methods}").rstrip() + "\n\n" if methods else ""

    web.write_text(_EXPOSED.sub(narrowed, text).rstrip() + "\n", encoding="utf-8")


def append_additions(root: Path, addon: Path) -> None:
    """Append what the generator cannot write to the files that it has written."""
    for source in sorted((root / "additions").rglob("*.conf")):
        target = addon / source.relative_to(root / "additions")
        if not target.is_file():
            raise StepFailure(
                f"{source.relative_to(root)} is to be appended to a file that the generator did not write."
            )
        target.write_text(target.read_text(encoding="utf-8") + source.read_text(encoding="utf-8"), encoding="utf-8")


_PICTURE = re.compile(r"!\[([^\]]*)\]\(pictures/[^)]*\)")


def add_pages(root: Path, addon: Path) -> None:
    """Give the add-on its documentation. Pictures would be a fifth of the package: what they show is told instead."""
    for source in sorted([*(root / "docs").rglob("*.md"), *(root / "docs").glob("*.svg")]):
        target = addon / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        target.write_text(_PICTURE.sub(r"*Picture: \1*", text), encoding="utf-8")
