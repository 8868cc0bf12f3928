"""A stand-in of the Hugging Face hub on this machine, with the addresses that its client calls."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandInHub:
    """Repositories in memory: for each commit its files, and for each branch its commit."""

    def __init__(self):
        self.commits = {}
        self.branches = {}
        self.messages = {}
        self.requests = []
        self.private = set()

    def commit(self, repository, files, branch="main", message=""):
        """Add files to a branch; returns the name of the new commit."""
        branches = self.branches.setdefault(repository, {})
        new = self.commits.get((repository, branches.get(branch)), {}) | files
        content = json.dumps({name: hashlib.sha1(c).hexdigest() for name, c in new.items()})
        name = hashlib.sha1(f"{len(self.commits)}{content}".encode()).hexdigest()
        self.commits[repository, name] = new
        self.messages[name] = message
        branches[branch] = name
        return name

    def files(self, repository, revision="main"):
        """Return the files of a branch or commit; None if there is none."""
        name = self.branches.get(repository, {}).get(revision, revision)
        return name, self.commits.get((repository, name))

    @contextlib.contextmanager
    def served(self):
        """Serve the repositories, and yield the address."""
        hub = self

        class Handler(_Handler):
            stand_in = hub

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandInHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.stand_in.requests.append((self.command, self.path))
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if not found:
            return self._answer(404, b"{}")
        repository, revision, name = found.groups()
        if repository not in self.stand_in.branches or repository in self.stand_in.private:
            return self._fail(401, "RepoNotFound")
        commit, files = self.stand_in.files(repository, revision)
        if files is None:
            return self._fail(404, "RevisionNotFound")
        if name not in files:
            return self._fail(404, "EntryNotFound", {"X-Repo-Commit": commit})
        etag = f'"{hashlib.sha1(files[name]).hexdigest()}"'
        return self._answer(200, files[name], {"X-Repo-Commit": commit, "ETag": etag})

    def do_POST(self):
        self.stand_in.requests.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "Authorization" not in self.headers:
            return self._fail(401, "RepoNotFound")
        if self.path == "/api/repos/create":
            facts = json.loads(body)
            repository = f"{facts['organization']}/{facts['name']}"
            self.stand_in.branches.setdefault(repository, {"main": ""})
            return self._json({"url": f"{self._address()}/{repository}", "id": repository})
        if self.path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(\w+)/([^/]+)", self.path)
        assert found, self.path
        repository, what, revision = found.groups()
        if what == "branch":
            branches = self.stand_in.branches[repository]
            branches.setdefault(revision, branches["main"])
            return self._json({})
        if what == "preupload":
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            names = [file["path"] for file in json.loads(body)["files"]]
            return self._json({"files": [{"path": name, **plain} for name in names]})
        assert what == "commit"
        lines = [json.loads(line) for line in body.splitlines()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        commit = self.stand_in.commit(repository, files, revision, lines[0]["value"]["summary"])
        address = f"{self._address()}/{repository}/commit/{commit}"
        return self._json({"success": True, "commitUrl": address, "commitOid": commit})

    def _address(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _json(self, content):
        self._answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _fail(self, code, error, headers=None):
        self._answer(
            code, b"", {"X-Error-Code": error, "X-Error-Message": error, **(headers or {})}
        )

    def _answer(self, code, content, headers=None):
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
