"""Keys for git over ssh, made once: keys.py FOLDER."""

import sys
from pathlib import Path

import asyncssh

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name in ("host", "reader", "other"):
    if not (folder / name).exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_public_key(folder / f"{name}.pub")
        key.write_private_key(folder / name)
        sys.stdout.write(f"{name} made\n")
