"""Write the contents of a package as a CycloneDX SBOM (JSON, specification 1.6), in the generator's environment.

    sbom.py ROOT PACKAGE WHEELS OUTPUT

A component stands for each wheel that was unpacked into the package: its hash is the one that lib/requirements.txt
pins, its license the one in NOTICE. The components that the SBOMs in a wheel name (OpenSSL and the crates of
cryptography) are below it. The same package gives the same bytes: the SBOM has no time and no random values.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from environment import EPOCH
from libraries import BUILT_FROM_SOURCE, GENERATOR, PLATFORMS, REQUIREMENTS, normal, read_requirements
from packageurl import PackageURL


def bill(root: Path, package: Path, wheels: Path) -> Bom:
    """Return the SBOM of a package that was built from these sources and wheels."""
    content = package.read_bytes()
    name, _, version = package.stem.partition("-")
    told = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(content).hexdigest()))
    addon = Component(
        type=ComponentType.APPLICATION,
        name=name,
        version=version,
        bom_ref=f"{name}@{version}",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        hashes=[_sha256(content)],
        properties=[Property(name="file", value=package.name)],
    )
    told.metadata = BomMetaData(component=addon, timestamp=datetime.fromtimestamp(EPOCH, timezone.utc))
    parts = [*libraries(root, wheels), generator(root)]
    for part in parts:
        told.components.add(part)
    told.register_dependency(addon, parts)
    return told


def libraries(root: Path, wheels: Path) -> Iterator[Component]:
    """Yield a component for each file of a library that was unpacked into the package."""
    pinned = read_requirements((root / REQUIREMENTS).read_text(encoding="utf-8"))
    licenses = licenses_of((root / "NOTICE").read_text(encoding="utf-8"))
    for place in ("any", *PLATFORMS):
        for wheel in sorted((wheels / place).glob("*.whl")):
            name = next(name for name in pinned if normal(name) == normal(wheel.name.partition("-")[0]))
            yield library(name, pinned[name], licenses[name], wheel, place)


def library(name: str, pinned: str, license_text: str, wheel: Path, place: str) -> Component:
    """Return the component of a wheel; for a wheel that was built here, the one of its source archive."""
    pin, *hashes = pinned.replace("--hash=sha256:", "").split()
    own = hashlib.sha256(wheel.read_bytes()).hexdigest()
    version = pin.partition("==")[2]
    file = f"{normal(name)}-{version}.tar.gz" if name in BUILT_FROM_SOURCE else wheel.name
    purl = PackageURL("pypi", None, normal(name), version, {"file_name": file})
    where = "lib" if place == "any" else f"lib/3rdparty/{place}"
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[LicenseFactory().make_from_string(license_text)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashes[0] if name in BUILT_FROM_SOURCE else own)],
        properties=[Property(name="folder", value=where)],
        components=list(contents(wheel, purl.to_string())),
    )


def contents(wheel: Path, reference: str) -> Iterator[Component]:
    """Yield the components that the SBOMs in a wheel name, each once, below the wheel's reference."""
    seen = set()
    with zipfile.ZipFile(wheel) as archive:
        for member in sorted(archive.namelist()):
            if "/sboms/" in member and member.endswith(".json"):
                for part in json.loads(archive.read(member))["components"]:
                    key = (part["name"], part.get("version"))
                    if key not in seen:
                        seen.add(key)
                        yield inner(part, reference)


def inner(part: dict[str, object], reference: str) -> Component:
    """Return a component as the SBOM in a wheel has it."""
    name, version = str(part["name"]), str(part.get("version", ""))
    hashes = [one for one in _listed(part, "hashes") if one["alg"] == "SHA-256"]
    expressions = [one["expression"] for one in _listed(part, "licenses") if "expression" in one]
    kind = "generic" if str(part.get("purl")).startswith("pkg:generic/") else "cargo"
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=PackageURL(kind, None, name, version),
        bom_ref=f"{reference}#{name}@{version}",
        licenses=[LicenseFactory().make_from_string(text) for text in expressions],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one["content"]) for one in hashes],
    )


def _listed(part: dict[str, object], name: str) -> Sequence[dict[str, str]]:
    found = part.get(name)
    return found if isinstance(found, list) else ()


def generator(root: Path) -> Component:
    """Return the component of the generator, whose pages and handlers ship."""
    text = (root / GENERATOR).read_text(encoding="utf-8")
    name = "splunk-add-on-ucc-framework"
    version = _found(rf"^{name}==([\w.]+)", text)
    purl = PackageURL("pypi", None, name, version)
    return Component(
        type=ComponentType.FRAMEWORK,
        name=name,
        version=version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        properties=[Property(name="folder", value="appserver")],
    )


def licenses_of(notice: str) -> dict[str, str]:
    """Return the license of each library from NOTICE."""
    rows = re.findall(r"^  (\S+) {2,}(\S+(?: \S+)*)(?: {2,}.*)?$", notice, re.MULTILINE)
    return dict(rows)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise ValueError(f"{pattern} was not found")
    return match[1]


def _sha256(content: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())


def main(arguments: Iterable[str]) -> None:
    """Write the SBOM that the arguments name."""
    root, package, wheels, output = map(Path, arguments)
    outputter = make_outputter(bill(root, package, wheels), OutputFormat.JSON, SchemaVersion.V1_6)
    output.write_text(outputter.output_as_string(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
