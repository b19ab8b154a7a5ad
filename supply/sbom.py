"""A software bill of materials in CycloneDX: every locked package and every model.

python -m supply.sbom dist/sbom.json
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from engine.models import LockedModel, lock
from supply.licences import licence_of, pins
from supply.locked import Pin, project

SCHEMA = SchemaVersion.V1_6


def bill() -> Bom:
    """What seehear of this version consists of; packages of all platforms, tests included."""
    made = Bom(components=[*map(_package, pins()), *map(_model, lock.shipped().values())])
    table = project()["project"]
    whole = Component(
        name=table["name"],
        version=table["version"],
        type=ComponentType.APPLICATION,
        bom_ref=f"{table['name']}@{table['version']}",
        licenses=[LicenseFactory().make_from_string(table["license"])],
    )
    made.metadata.component = whole
    made.register_dependency(whole, made.components)
    return made


def _package(pin: Pin) -> Component:
    version = str(pin.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"pkg:pypi/{pin.name}@{version}"),
        comment="one hash for each file of this version",
        hashes=[_sha256(one.removeprefix("sha256:")) for one in pin.hashes],
    )
    return Component(
        name=pin.name,
        version=version,
        bom_ref=f"pkg:pypi/{pin.name}@{version}",
        purl=PackageURL("pypi", name=pin.name, version=version),
        licenses=[LicenseFactory().make_from_string(licence_of(pin.name))],
        external_references=[files],
    )


def _model(model: LockedModel) -> Component:
    return Component(
        name=model.id,
        version=model.hub.partition("@")[2] or (model.digest[:12] if model.files else None),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{model.id}",
        licenses=[LicenseFactory().make_from_string(model.licence)],
        copyright=model.attribution,
        external_references=[
            ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(model.homepage))
        ],
        components=[
            Component(
                name=name,
                type=ComponentType.FILE,
                bom_ref=f"model:{model.id}/{name}",
                hashes=[_sha256(sha256)],
            )
            for name, sha256 in _hashes(model)
        ],
    )


def _hashes(model: LockedModel) -> Iterator[tuple[str, str]]:
    """Of its files, or of its weights alone while the rest is not pinned."""
    yield from ((file.name, file.sha256) for file in model.files)
    yield from () if model.files else model.weights


def _sha256(content: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=content)


def text(made: Bom) -> str:
    """It as JSON; ValueError if that is not what the schema asks for."""
    written = make_outputter(made, OutputFormat.JSON, SCHEMA).output_as_string(indent=1)
    if wrong := JsonStrictValidator(SCHEMA).validate_str(written):
        raise ValueError(f"this is no CycloneDX: {wrong}")
    return written


def main(target: str) -> None:
    """Write it, and say so."""
    made = bill()
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(made), encoding="utf-8")
    print(f"{path}: {len(made.components)} components, CycloneDX {SCHEMA.to_version()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
