# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Container images of one layer, written as an archive that `ctr images import` reads.

An image that is one static program needs no engine to be built, and one layer needs no overlay to be unpacked.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ImageSpec:
    reference: str
    files: Mapping[str, Path] = field(
        default_factory=dict
    )  #: path in the image -> file on the host, mode 0755
    ground: Path | None = None  #: tar of a root file system below the files
    entrypoint: Sequence[str] = ()
    origin: str = ""  #: what it is really built from


def write(spec: ImageSpec, architecture: str, target: Path, scratch: Path) -> None:
    """Write the archive of spec to target; scratch is a folder for the layer."""
    layer = scratch / f"{target.name}.layer"
    with tarfile.open(layer, "w") as tar:
        if spec.ground:
            _copy(spec.ground, tar)
        for path, source in spec.files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = source.stat().st_size, 0o755
            with source.open("rb") as stream:
                tar.addfile(entry, stream)
    with layer.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    config = json.dumps(_config(spec, architecture, digest), sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps(
        [{"Config": config_name, "RepoTags": [spec.reference], "Layers": [f"{digest}.tar"]}]
    ).encode()
    with tarfile.open(target, "w") as tar:
        _add(tar, config_name, config)
        entry = tarfile.TarInfo(f"{digest}.tar")
        entry.size = layer.stat().st_size
        with layer.open("rb") as stream:
            tar.addfile(entry, stream)
        _add(tar, "manifest.json", manifest)
    layer.unlink()


def _config(spec: ImageSpec, architecture: str, digest: str) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Entrypoint": list(spec.entrypoint),
            "WorkingDir": "/",
            "Labels": {"org.opencontainers.image.description": spec.origin},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "podpatterns"}],
    }


def _copy(source: Path, target: tarfile.TarFile) -> None:
    with tarfile.open(source) as tar:
        for member in tar:
            target.addfile(member, tar.extractfile(member) if member.isreg() else None)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))
