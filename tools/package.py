"""Build the add-on's package: dist/TA_secure_firewall_estreamer-<version>.spl.

The generator (UCC) builds the add-on, as `ucc-gen build` does by itself: additional_packaging.py finishes it. What is
here surrounds that: the generator's environment, the wheels of the libraries, a copy of the sources that the generator
may rewrite, and an archive that has the same bytes whenever its sources are the same. A build has a folder of its own
under build/, so that two builds at once do not meet; only the generator's environment and the downloaded wheels are
kept for the next build, under a lock. pip follows its own settings (PIP_NO_INDEX, PIP_FIND_LINKS and so on), so a
folder of wheels serves a machine without a network. An SBOM (CycloneDX) lies next to the package:
dist/TA_secure_firewall_estreamer-<version>.cdx.json.

Progress goes to stderr, the package's path to stdout. A step that fails ends the build with a sentence and status 1.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from environment import EPOCH, ROOT, StepFailure, last_lines, read_version, run, say
from history import package_of
from libraries import prepare_wheels

APP = "TA_secure_firewall_estreamer"

HOOK = "additional_packaging.py"
"""What the generator runs at the end of its own work, and what finishes the add-on."""

COMPRESSION = 7
"""How hard gzip tries: 9 takes more than twice the time for a package that is 0.4 % smaller."""

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def stage(root: Path, folder: Path) -> None:
    """Copy the sources to where the generator may rewrite them; what finishes its work is linked, not copied."""
    for source in sorted((root / "package").iterdir()):
        if not source.exists():
            raise StepFailure(f"{source.name} is missing from the sources.")
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(root / "package", folder / "package", ignore=unwanted)
    shutil.copyfile(root / "globalConfig.json", folder / "globalConfig.json")
    (folder / HOOK).symlink_to(root / HOOK)


def generate(python: str, folder: Path, version: str) -> Path:
    """Run the generator on the staged sources and return the folder of the generated add-on."""
    output = folder / "generated"
    command = [python, "-m", "splunk_add_on_ucc_framework", "build", "--source", str(folder / "package")]
    options = ["--config", str(folder / "globalConfig.json"), "--ta-version", version, "-o", str(output)]
    log = run("ucc-gen", [*command, *options, "--overwrite", "--python-binary-name", python, "-v"])
    check_generator_log(log)
    return output / APP


def check_generator_log(log: str) -> None:
    """Raise StepFailure unless the generator reached its end without an error: it exits with 0 in spite of one."""
    lines = _COLOR.sub("", log).splitlines()
    errors = [line for line in lines if re.match(r"(ERROR|CRITICAL)\b", line)]
    if errors:
        raise StepFailure("ucc-gen reported an error:\n" + last_lines(log))
    if not any("File creation summary" in line for line in lines):
        raise StepFailure("ucc-gen ended before its summary:\n" + last_lines(log))
    if "does not have `cleanup_output_files`" in log:
        raise StepFailure(f"ucc-gen could not import {HOOK}:\n" + last_lines(log))


def write_archive(addon: Path, archive: Path) -> None:
    """Write the package with fixed order, owner, modes and times."""
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as compressed,
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
    """Build the package with its SBOM next to it, and return its path."""
    version = read_version(root)
    python, wheels = prepare_wheels(root)
    with tempfile.TemporaryDirectory(prefix="package-", dir=root / "build") as scratch:
        folder = Path(scratch)
        stage(root, folder)
        say("generating the add-on")
        addon = generate(python, folder, version)
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
