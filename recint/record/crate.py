"""An RO-Crate: a zip file with files, and with `ro-crate-metadata.json`, which says what each of them is.

https://www.researchobject.org/ro-crate/specification/1.1/ is the format. The metadata are one small JSON-LD file of a fixed shape.
They are written here with the standard library: the library `rocrate` would bring its own dependencies for that one file.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

METADATA = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
# `sha256` is a term of schema.org that the context of RO-Crate 1.1 does not have.
CONTEXT = [f"{SPECIFICATION}/context", {"sha256": "https://schema.org/sha256"}]
_FORMATS = {
    ".jsonl": "application/jsonl", ".json": "application/json", ".html": "text/html", ".md": "text/markdown",
    ".xml": "application/xml", ".toml": "application/toml", ".svg": "image/svg+xml",
}  # fmt: skip


def metadata(
    files: Mapping[str, bytes], *, name: str, description: str, license_url: str, published: str
) -> dict[str, Any]:
    """The content of `ro-crate-metadata.json`.

    Args:
        files: the content of each file, by its path in the crate.
        license_url: the address of the licence of the files.
        published: the date, in ISO format.
    """
    about = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": SPECIFICATION},
        "about": {"@id": "./"},
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": name,
        "description": description,
        "datePublished": published,
        "license": {"@id": license_url},
        "hasPart": [{"@id": quote(path)} for path in files],
    }
    return {"@context": CONTEXT, "@graph": [about, root, *(_file(path, files[path]) for path in files)]}


def _file(path: str, content: bytes) -> dict[str, Any]:
    return {
        "@id": quote(path),
        "@type": "File",
        "name": PurePosixPath(path).name,
        "encodingFormat": _FORMATS.get(PurePosixPath(path).suffix, "application/octet-stream"),
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def crate(files: Mapping[str, bytes], **about: str) -> bytes:
    """The content of the zip file. The same files give the same content.

    Args:
        about: name, description, license_url and published, as in `metadata`.
    """
    made = io.BytesIO()
    text = json.dumps(metadata(files, **about), indent=1).encode()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {METADATA: text, **files}.items():
            archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)  # ZipInfo has a fixed date
    return made.getvalue()
