"""Build the add-on's package: dist/TA_secure_firewall_estreamer-<version>.spl.

The steps, in order: the generator (UCC) in an environment of its own, the libraries as wheels, the generated add-on
with the libraries unpacked into it, and an archive that has the same bytes whenever its sources are the same. A build
has a folder of its own under build/, so that two builds at once do not meet; only the generator's environment and the
downloaded wheels are kept for the next build, under a lock. pip follows its own settings (PIP_NO_INDEX, PIP_FIND_LINKS
and so on), so a folder of wheels serves a machine without a network. Beside the package lies what it contains, as a
CycloneDX SBOM: dist/TA_secure_firewall_estreamer-<version>.cdx.json.

Progress goes to stderr, the package's path to stdout. A step that fails ends the build with a sentence and status 1.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from environment import EPOCH, ROOT, StepFailure, last_lines, lock, prepare, run, say
from history import package_of
from libraries import GENERATOR, REQUIREMENTS, fetch_wheels, read_requirements, unpack_libraries

APP = "TA_secure_firewall_estreamer"

REQUIRED_SOURCES = (
    "LICENSE",
    "NOTICE",
    "README",
    "app.manifest",
    "bin",
    "default",
    "lookups",
    "metadata",
    "static",
)
OPTIONAL_SOURCES = ("CHANGELOG.md", "README.md", "SECURITY.md", "appserver")

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def read_version(root: Path) -> str:
    """Return the version in app.manifest, which is the one place to change it."""
    version = json.loads((root / "app.manifest").read_text(encoding="utf-8"))["info"]["id"]["version"]
    if not re.fullmatch(r"\d{1,3}\.\d{1,3}\.\d{1,3}", version):
        raise StepFailure(f"app.manifest has the version {version!r}; it must read like 1.2.3.")
    return str(version)


def build_number(version: str) -> int:
    """Return the number that Splunk puts into the addresses of static files: it rises with the version."""
    major, minor, patch = (int(part) for part in version.split("."))
    return (major * 1000 + minor) * 1000 + patch + 1


def stage(root: Path, folder: Path) -> None:
    """Copy the sources to where the generator may rewrite them."""
    package = folder / "package"
    package.mkdir(parents=True)
    for name in (*REQUIRED_SOURCES, *OPTIONAL_SOURCES):
        source = root / name
        if source.is_dir():
            shutil.copytree(source, package / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
        elif source.is_file():
            shutil.copyfile(source, package / name)
        elif name in REQUIRED_SOURCES:
            raise StepFailure(f"{name} is missing from the sources.")
    shutil.copyfile(root / "globalConfig.json", folder / "globalConfig.json")


def generate(python: str, folder: Path, version: str) -> Path:
    """Run the generator on the staged sources and return the folder of the generated add-on."""
    output = folder / "generated"
    command = [python, "-m", "splunk_add_on_ucc_framework", "build", "--source", str(folder / "package")]
    options = ["--config", str(folder / "globalConfig.json"), "--ta-version", version, "-o", str(output)]
    log = run("ucc-gen", [*command, *options, "--overwrite", "--python-binary-name", python, "-v"])
    check_generator_log(log)
    return output / APP


def check_generator_log(log: str) -> None:
    """Raise StepFailure unless the generator came to its end without an error: it exits with 0 in spite of one."""
    lines = _COLOUR.sub("", log).splitlines()
    errors = [line for line in lines if re.match(r"(ERROR|CRITICAL)\b", line)]
    if errors:
        raise StepFailure("ucc-gen reported an error:\n" + last_lines(log))
    if not any("File creation summary" in line for line in lines):
        raise StepFailure("ucc-gen ended before its summary:\n" + last_lines(log))


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
    script = addon / "bin" / f"{APP}_rh_settings.py"
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


def add_libraries(root: Path, wheels: Path, addon: Path) -> None:
    """Give the add-on its libraries and the list of them."""
    library = addon / "lib"
    library.mkdir(exist_ok=True)
    unpack_libraries(wheels, library)
    shutil.copyfile(root / REQUIREMENTS, library / "requirements.txt")


def write_archive(addon: Path, archive: Path) -> None:
    """Write the package with fixed order, owner, modes and times."""
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in [addon, *sorted(addon.rglob("*"))]:
            _add(tar, path, path.relative_to(addon.parent).as_posix())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_symlink() or not (path.is_dir() or path.is_file()):
        raise StepFailure(f"{name} is neither a file nor a folder.")
    member = tarfile.TarInfo(name)
    member.mtime = EPOCH
    if path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
    else:
        content = path.read_bytes()
        member.size, member.mode = len(content), 0o644
        tar.addfile(member, io.BytesIO(content))


def build(root: Path, destination: Path) -> Path:
    """Build the package, with the list of what it contains beside it, and return its path."""
    version = read_version(root)
    requirements = read_requirements((root / REQUIREMENTS).read_text(encoding="utf-8"))
    with lock(root / "build" / "lock"):
        python = prepare(root, "ucc", root / GENERATOR)
        wheels = fetch_wheels(root, python, requirements)
    with tempfile.TemporaryDirectory(prefix="package-", dir=root / "build") as scratch:
        folder = Path(scratch)
        stage(root, folder)
        say("generating the add-on")
        addon = generate(python, folder, version)
        add_libraries(root, wheels, addon)
        add_pages(root, addon)
        use_settings_handler(addon)
        narrow_exposure(addon)
        name_python(addon)
        append_additions(root, addon)
        fix_build_number(addon, build_number(version))
        archive = folder / f"{APP}-{version}.spl"
        say("writing the package")
        write_archive(addon, archive)
        bill = archive.with_suffix(".cdx.json")
        run(
            "Writing the SBOM",
            [python, str(root / "tools" / "sbom.py"), str(root), str(archive), str(wheels), str(bill)],
        )
        destination.mkdir(parents=True, exist_ok=True)
        _move(bill, destination / bill.name)
        return _move(archive, destination / archive.name)


def _move(source: Path, target: Path) -> Path:
    """Move a file so that nobody ever sees half of it."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, beside)
    os.replace(beside, target)
    return target


def main(arguments: Iterable[str]) -> int:
    """Build as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="package.sh", description="Build the add-on's package (.spl).")
    parser.add_argument("--destination", type=Path, default=ROOT / "dist", help="folder of the package (default: dist)")
    parser.add_argument(
        "--revision", metavar="VERSION", help="build a released version, or a commit, from history into build/history/"
    )
    options = parser.parse_args(list(arguments))
    try:
        wanted = options.revision
        package = package_of(ROOT, wanted) if wanted else build(ROOT, options.destination.resolve())
    except (StepFailure, OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        sys.stderr.write(f"package.sh: {problem}\n")
        return 1
    sys.stdout.write(f"{package}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
