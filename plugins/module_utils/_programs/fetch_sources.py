# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where files come from: http, a git repository, or a mounted ConfigMap or Secret.

Part of a program's source (see source.py). Standard library and, for a git source, git.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .outcomes import Refused, Unavailable, one_line, secret, without_query

# Answers that another attempt may change: the client was slow, too early, or one of too many.
WORTH_RETRYING = (408, 425, 429)
# What git says (in the C locale) where another attempt brings the same.
FINAL_FOR_GIT = (
    "couldn't find remote ref",
    "authentication failed",
    "could not read username",
    "permission denied",
    "host key verification failed",
    "certificate verification failed",
    "certificate problem",
    "not found",
    "does not appear to be a git repository",
    "error: 403",
)


class Files:
    """A source that is read whole into memory: path within the target -> content."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def read(self) -> dict[str, bytes]:
        """All files, checked."""
        raise NotImplementedError

    def look(self) -> str:
        """Fetch, and return the version: a digest over names and contents."""
        self.content = self.read()
        total = hashlib.sha256()
        for path, content in sorted(self.content.items()):
            total.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        return total.hexdigest()

    def write(self, directory: Path) -> None:
        """Put what was looked at into an empty directory."""
        for path, content in self.content.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


class Http(Files):
    """Files by http or https."""

    def __init__(self, config: dict[str, Any], timeout: float) -> None:
        super().__init__()
        self.files, self.largest, self.timeout = config["files"], config["max_size"], timeout
        context = ssl.create_default_context(cafile=config.get("ca_file"))
        handlers = (urllib.request.HTTPSHandler(context=context), CarefulRedirects())
        self.opener = urllib.request.build_opener(*handlers)

    def read(self) -> dict[str, bytes]:
        """Each file of its URL, held to its checksum."""
        return {wanted["path"]: self._checked(wanted) for wanted in self.files}

    def _checked(self, wanted: dict[str, Any]) -> bytes:
        content = self._get(wanted)
        shown = without_query(wanted["url"])
        if len(content) > self.largest:
            raise Refused(f"{shown} has more than {self.largest} bytes, the most that is allowed")
        found = hashlib.sha256(content).hexdigest()
        if wanted.get("sha256") and found != wanted["sha256"]:
            raise Refused(f"{shown} has sha256 {found}, it must have {wanted['sha256']}")
        return content

    def _get(self, wanted: dict[str, Any]) -> bytes:
        shown = without_query(wanted["url"])
        request = urllib.request.Request(wanted["url"], headers={"User-Agent": "podpatterns"})
        if wanted.get("token_file"):
            request.add_unredirected_header("Authorization", f"Bearer {secret(wanted['token_file'])}")
        try:
            with self.opener.open(request, timeout=self.timeout) as answer:
                content: bytes = answer.read(self.largest + 1)
                promised = int(answer.headers.get("Content-Length") or 0)
        except urllib.error.HTTPError as error:
            final = 400 <= error.code < 500 and error.code not in WORTH_RETRYING
            kind = Refused if final else Unavailable
            raise kind(f"{shown} answers {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise Refused(f"{shown}: {error.reason.verify_message}") from error
            raise Unavailable(f"{shown}: {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{shown}: {error}") from error
        # A bounded read does not notice by itself that the connection ended early.
        if len(content) < min(promised, self.largest):
            raise Unavailable(f"{shown} ended after {len(content)} of {promised} bytes")
        return content


class CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to http; an unredirected header goes to no other server."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The request to make next."""
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise Refused(f"{without_query(req.full_url)} redirects from https to {without_query(newurl)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Copy(Files):
    """The keys of a ConfigMap or Secret, mounted as a volume."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.origin, self.directory, self.keys = config["origin"], Path(config["directory"]), config["keys"]

    def read(self) -> dict[str, bytes]:
        """The wanted keys, or all; from one state of the volume, which the kubelet swaps as a whole."""
        try:
            state = Path(os.path.realpath(self.directory / "..data"))
            found = {file.name: file.read_bytes() for file in state.iterdir() if file.is_file()}
        except OSError as error:
            raise Unavailable(f"{self.origin} cannot be read: {error.strerror}") from error
        missing = [key for key in self.keys if key not in found]
        if missing:
            has = ", ".join(sorted(found)) or "none"
            raise Refused(f"{self.origin} lacks key {', '.join(missing)}; it has {has}")
        if not found:
            raise Refused(f"{self.origin} has no keys")
        return {key: found[key] for key in self.keys} if self.keys else found


class Git:
    """A directory of a repository at a branch, tag or commit."""

    WANTED = "refs/podpatterns/wanted"

    def __init__(self, config: dict[str, Any], work: Path, timeout: float) -> None:
        self.url, self.kind, self.ref = config["url"], config["kind"], config["ref"]
        self.subdirectory, self.timeout = config.get("subdirectory"), timeout
        self.home, self.repository = work, work / "repository"
        self.environment = git_environment(config, work)
        self.commit = ""
        # A git that was killed leaves locks behind; a container that starts again starts clean.
        shutil.rmtree(self.repository, ignore_errors=True)

    def look(self) -> str:
        """Fetch, and return the commit that the branch, tag or HEAD stands at."""
        if not self.repository.exists():
            self._git("init", "--quiet", str(self.repository))
        if self.kind != "commit":
            self._fetch("--depth=1", f"+{self._remote_ref()}:{self.WANTED}")
        elif self._kind_of(self.ref) is None:
            self._fetch_commit()
        name = self.ref if self.kind == "commit" else self.WANTED
        self.commit = self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
        return self.commit

    def write(self, directory: Path) -> None:
        """Check the tree out into an empty directory."""
        tree = f"{self.commit}:{self.subdirectory}" if self.subdirectory else self.commit
        if self._kind_of(tree) not in ("commit", "tree"):
            raise Refused(f"commit {self.commit[:12]} has no directory {self.subdirectory!r}")
        index = self.home / "index"
        index.unlink(missing_ok=True)
        environment = {"GIT_WORK_TREE": str(directory), "GIT_INDEX_FILE": str(index)}
        self._git("read-tree", "--reset", "-u", tree, **environment)

    def _remote_ref(self) -> str:
        return {"branch": f"refs/heads/{self.ref}", "tag": f"refs/tags/{self.ref}"}.get(self.kind, "HEAD")

    def _fetch_commit(self) -> None:
        try:
            self._fetch("--depth=1", f"+{self.ref}:{self.WANTED}")
        except (Refused, Unavailable):
            # Servers may give out only what has a name; then the commit is among the history of one.
            heads, tags = "+refs/heads/*:refs/podpatterns/heads/*", "+refs/tags/*:refs/podpatterns/tags/*"
            self._fetch(heads, tags)
            if self._kind_of(self.ref) is None:
                raise Refused(f"{self.url} has no commit {self.ref} in its branches and tags") from None

    def _fetch(self, *words: str) -> None:
        depth, *refs = words if words[0].startswith("--depth") else ("--no-tags", *words)
        try:
            self._git("fetch", "--quiet", "--no-tags", depth, self.url, *refs)
        except (Refused, Unavailable) as error:
            if "does not support shallow" not in str(error):
                raise
            self._git("fetch", "--quiet", "--no-tags", self.url, *refs)  # plain files on a web server

    def _kind_of(self, name: str) -> str | None:
        """What a name stands for in the repository as far as it is here, None for nothing."""
        try:
            return self._git("cat-file", "-t", name).strip()
        except (Refused, Unavailable):
            return None

    def _git(self, *words: str, **environment: str) -> str:
        command = ["git", *words]
        if words[0] != "init":
            environment = {"GIT_DIR": str(self.repository / ".git"), **environment}
        process = subprocess.Popen(
            command,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=self.timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its helpers as well
            process.wait()
            shutil.rmtree(self.repository, ignore_errors=True)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise Unavailable(f"{self.url} did not answer within {self.timeout:g} s") from error
        if process.returncode == 0:
            return output
        said = one_line(errors) or f"git {words[0]} ended with {process.returncode}"
        final = any(words in said.lower() for words in FINAL_FOR_GIT)
        raise (Refused if final else Unavailable)(f"{self.url}: {said}")


def git_environment(config: dict[str, Any], work: Path) -> dict[str, str]:
    """What git runs with: its access by files of a Secret, so that nothing of it stands in a process list."""
    settings = {
        "gc.autoDetach": "false",
        "gc.pruneExpire": "now",
        "advice.detachedHead": "false",
        "init.defaultBranch": "main",
    }
    if config.get("token_file"):
        parts = urlsplit(config["url"])
        lines = f"echo username={config['username']}; printf password=; cat {config['token_file']}; echo"
        # For this server only: a redirect to another one gets nothing.
        settings[f"credential.{parts.scheme}://{parts.netloc}.helper"] = f"!f() {{ {lines}; }}; f"
    environment = {
        **os.environ,
        "HOME": str(work),
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    if config.get("ca_file"):
        environment["GIT_SSL_CAINFO"] = config["ca_file"]
    if config.get("ssh_key"):
        environment["GIT_SSH_COMMAND"] = (
            f"ssh -i {config['ssh_key']} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes"
            f" -o UserKnownHostsFile={config['known_hosts']}"
        )
    return environment


def source_of(config: dict[str, Any]) -> Files | Git:
    """The source that the configuration names."""
    source = config["source"]
    if source["type"] == "http":
        return Http(source, config["timeout"])
    if source["type"] == "git":
        return Git(source, Path(config["work"]), config["timeout"])
    return Copy(source)
