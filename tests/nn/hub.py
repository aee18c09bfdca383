"""A model hub on this computer that serves one file, as huggingface_hub asks for it."""

import hashlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def serving(content, revision="0" * 40):
    """The address of a hub, and the list of the requests that it has had."""
    requests = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            requests.append(f"HEAD {self.path}")
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", revision)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            requests[-1] = f"GET {self.path}"
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
