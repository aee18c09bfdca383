"""The page's server against misbehaving clients: real sockets, a light work function."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import string
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

import pytest
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from tests.web.light_server import CONTEXT, serve

pytestmark = pytest.mark.slow

SOON = 10
"""s that anything may take on a busy machine."""
MB = 0.2
"""Upload limit of the servers here."""
ODD_NAMES = {  # name that is sent: name that is stored
    "baby.mp4": "baby.mp4",
    "two words.mp4": "two words.mp4",
    "Säugling 宝宝 👶.mp4": "Säugling 宝宝 👶.mp4",
    "50%.mp4": "50%.mp4",
    "%2e%2e%2fa.mp4": "%2e%2e%2fa.mp4",
    "a#b?c&d=e+f;g.mp4": "a#b?c&d=e+f;g.mp4",
    "'single' \"double\".mp4": "'single' \"double\".mp4",
    "a,b(c)[d]{e}~!@$^*|<>:.mp4": "a,b(c)[d]{e}~!@$^*|<>:.mp4",
    "nul\0byte.mp4": "nul_byte.mp4",
    "line\r\nSet-Cookie: x.mp4": "line__Set-Cookie: x.mp4",
    "bell\a\x1b[31m\x7f\x85.mp4": "bell__[31m__.mp4",
    "right-to-left \u202egpj.mp4": "right-to-left _gpj.mp4",
    "\ud800.mp4": "\ufffd\ufffd\ufffd.mp4",  # half a character, which no browser sends
    "../../../etc/passwd": "passwd",
    "..\\..\\windows\\a.mp4": "a.mp4",
    "/": "file",
    "": "file",
    " ": "file",
    ".": "file",
    "..": "file",
    "....": "file",
    "a/..": "file",
    ".mp4": "file.mp4",
    "..mp4": "file.mp4",
    "con": "con",
    "NUL.mp4": "NUL.mp4",
    "results": "results_",
    "Results.": "Results_",
    "x" * 5000: "x" * 99,
    "宝" * 5000 + ".mp4": "宝" * 32 + ".mp4",
    "a." + "b" * 5000: "a." + "b" * 20,
}


@dataclass
class Served:
    """A running server: its port, its folder, its process and the file of its stderr."""

    port: int
    folder: Path
    process: BaseProcess
    log: Path

    def interrupt(self):
        """Press Ctrl-C, and wait for the end."""
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGINT)
        self.process.join(SOON)
        assert self.process.exitcode == 0

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body of the answer to a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def upload(self, tab, file, body=b"x", **more):
        query = urlencode({"file": file, **more}, errors="surrogatepass", doseq=True)
        status, _, content = self.ask("POST", f"/tabs/{tab}?{query}", body)
        return status, (json.loads(content) or {}).get("detail")

    def live(self, tab, time, body=b"frame"):
        """Status, and the answer or what was wrong, of a frame for the live view."""
        status, _, content = self.ask("POST", f"/tabs/{tab}/live?time={time}", body)
        answer = json.loads(content)
        return status, answer.get("detail", answer)

    def raw(self, data):
        """A socket that has sent bytes."""
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=SOON)
        opened.sendall(data)
        return opened

    @contextmanager
    def tab(self):
        """Name of a new tab and the socket that holds it open."""
        with connect(f"ws://127.0.0.1:{self.port}/tab", origin=self.origin) as held:
            yield json.loads(held.recv(timeout=SOON))["name"], held

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def files(self):
        listed = os.walk(self.folder)  # unlike rglob it does not mind what is being removed
        return sorted(name for _, folders, files in listed for name in (*folders, *files))


@contextmanager
def serving(folder, keep="drop", mb=MB, queued=6, per_page=4, stalled=30, label=None):
    log, files = folder / "stderr.txt", folder / "files"
    port, sender = CONTEXT.Pipe(duplex=False)
    arguments = (sender, log, files, keep, mb, queued, per_page, stalled, label)
    process = CONTEXT.Process(target=serve, args=arguments)
    process.start()
    sender.close()  # so that a process that ends without a port is an error here
    running = Served(port.recv(), files, process, log)
    try:
        yield running
        running.interrupt()
    finally:
        process.kill()
        process.join()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("light")) as running:
        yield running


def until(condition):
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def result(held):
    """The next message of a tab that is no progress."""
    while True:
        message = json.loads(held.recv(timeout=SOON))
        if message["kind"] != "progress":
            return message


def status_of(answered):
    """Status and detail of what a raw socket receives."""
    answer = http.client.HTTPResponse(answered)
    answer.begin()
    return answer.status, (json.loads(answer.read()) or {}).get("detail")


def head(path, *lines, method="POST"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def test_every_name_is_stored_and_downloaded(server):
    with server.tab() as (tab, held):
        for number, (name, stored) in enumerate(ODD_NAMES.items(), start=1):
            content = f"file {number}".encode()
            assert server.upload(tab, name, content) == (200, None), name
            message = result(held)
            assert message["kind"] == "result", (name, message)
            (file,) = message["files"]
            stem = stored.rpartition(".")[0] if "." in stored else stored
            assert file == f"{stem}.csv"
            folder = next(server.folder.glob(f"*/{number}"))
            assert {path.name for path in folder.iterdir()} == {stored, "results"}
            path = f"/tabs/{tab}/{message['job']}/{quote(file, safe='')}"
            status, headers, body = server.ask("GET", f"{path}?download=true")
            assert (status, body) == (200, content)
            assert file_name(headers["Content-Disposition"]) == file
            assert server.ask("GET", path)[1]["Content-Disposition"] is None
    until(lambda: server.files() == [])


def file_name(disposition):
    """As browsers read it (RFC 6266)."""
    kind, _, name = disposition.partition("; ")
    assert kind == "attachment"
    if name.startswith("filename*=utf-8''"):
        assert name.isascii()
        return unquote(name.removeprefix("filename*=utf-8''"))
    assert name.startswith('filename="')
    assert name.endswith('"')
    return name.removeprefix('filename="').removesuffix('"')


def test_equal_names_never_overwrite_each_other(server):
    with server.tab() as (tab, held):
        contents = [b"one", b"two", b"three", b"four"]
        with ThreadPoolExecutor(4) as threads:
            sent = list(threads.map(lambda content: server.upload(tab, "a.mp4", content), contents))
        assert sent == [(200, None)] * 4
        jobs = [result(held)["job"] for _ in contents]
        assert len(set(jobs)) == 4
        found = {server.ask("GET", f"/tabs/{tab}/{job}/a.csv")[2] for job in jobs}
        assert found == set(contents)


@pytest.mark.parametrize(
    "job", ["0", "2", "-1", "9" * 400, "9" * 4301, "1.0", "1e0", "%31%00", "²", "x", "%2e%2e"]
)
def test_job_that_does_not_exist_is_404(server, job):
    with server.tab() as (tab, held):
        server.upload(tab, "a.mp4")
        assert result(held)["job"] == "1"
        status, _, body = server.ask("GET", f"/tabs/{tab}/{quote(job, safe='%')}/a.csv")
        assert status == 404
        assert "there is no such result" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    "file",
    ["../a.mp4", "..%2fa.mp4", "%2e%2e/a.mp4", "a%00.csv", "%00", "x" * 5000, "", ".",
     "results/a.csv",
     "//a.csv", "%2fetc%2fpasswd", "a.csv/", "%ff%fe", "%ed%a0%80", "A.CSV"],
)  # fmt: skip
def test_only_results_are_given_out(server, file):
    with server.tab() as (tab, held):
        server.upload(tab, "a.mp4")
        result(held)
        assert server.ask("GET", f"/tabs/{tab}/1/{file}")[0] == 404


def test_what_a_request_lacks_is_one_line(server):
    with server.tab() as (tab, _):
        assert server.upload(tab, "a.mp4", b"") == (
            422, "a.mp4: the file is empty; expected a photo or a video.",
        )  # fmt: skip
        status, detail = server.upload(tab, "a.mp4", option=["blur_face", "x'); DROP"])
        assert status == 422
        assert detail.startswith('option="x\'); DROP": no such option; expected some of blur_face')
        status, _, body = server.ask("POST", f"/tabs/{tab}", b"x")
        assert (status, json.loads(body)) == (422, {"detail": "file: Field required"})
        status, _, body = server.ask("GET", f"/tabs/{tab}/1/a.csv?download=perhaps")
        assert status == 422
        assert json.loads(body)["detail"].startswith("download: Input should be a valid boolean")
    assert server.upload("no-such-tab", "a.mp4") == (404, "this page was closed; load it again")
    assert server.files() == []


def test_an_end_by_the_file_or_the_disk_is_reported_to_the_page(server):
    with server.tab() as (tab, held):
        server.upload(tab, "a.mp4", b"bad")
        assert result(held) == {"kind": "error", "text": "a.mp4: not a photo"}
        server.upload(tab, "a.mp4", b"full")
        text = result(held)["text"]
        assert text.startswith("a.mp4: the results cannot be stored: No space left on device.")
        server.upload(tab, "a.mp4", option=["dlc"])
        assert result(held)["options"] == ["dlc"]


@pytest.mark.parametrize("keep", ["drop", "keep"])
@pytest.mark.parametrize("chunked", [False, True])
def test_aborted_upload_leaves_nothing(tmp_path, keep, chunked):
    with serving(tmp_path, keep) as server, server.tab() as (tab, held):
        length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
        part = b"5\r\nwaits" if chunked else b"wait"
        with server.raw(head(f"/tabs/{tab}?file=a.mp4", length) + part):
            until(lambda: "a.mp4" in server.files())
        until(lambda: server.files() == [])
        with pytest.raises(TimeoutError):
            held.recv(timeout=0.2)
        for _ in range(4):  # no place in the queue is lost
            assert server.upload(tab, "b.mp4")[0] == 200
            assert result(held)["kind"] == "result"


@pytest.mark.parametrize("keep", ["drop", "keep"])
def test_upload_of_a_page_that_closes_ends(tmp_path, keep):
    with serving(tmp_path, keep) as server:
        with server.tab() as (tab, _):
            stalled = server.raw(head(f"/tabs/{tab}?file=a.mp4", "Content-Length: 9") + b"half")
            until(lambda: "a.mp4" in server.files())
        with stalled:
            assert status_of(stalled) == (404, "this page was closed; load it again")
        until(lambda: server.files() == [])


def test_upload_that_stalls_is_given_up(tmp_path):
    with serving(tmp_path, stalled=0.3) as server, server.tab() as (tab, _):
        request = head(f"/tabs/{tab}?file=a.mp4", "Content-Length: 9") + b"half"
        with server.raw(request) as stalled:
            assert status_of(stalled) == (408, "a.mp4: no data for 0.3 s. Send the file again.")
        until(lambda: server.files() == [])


def test_ctrl_c_does_not_wait_for_clients_that_hang(tmp_path):
    with serving(tmp_path, mb=60, keep="keep") as server, server.tab() as (tab, held):
        assert server.upload(tab, "a.mp4", bytes(50_000_000))[0] == 200
        result(held)
        upload = server.raw(head(f"/tabs/{tab}?file=b.mp4", "Content-Length: 9") + b"half")
        download = server.raw(head(f"/tabs/{tab}/1/a.csv", method="GET"))
        until(lambda: "b.mp4" in server.files())
        server.interrupt()
        upload.close()
        download.close()
        assert "b.mp4" not in server.files()


def test_too_large_a_file_is_refused_before_and_while_it_comes(server):
    most = int(MB * 1e6)
    detail = (
        "a.mp4: the file is too large; expected at most 0.2 MB (max_upload_mb). "
        "Cut the video or make it smaller."
    )
    with server.tab() as (tab, held):
        path = f"/tabs/{tab}?file=a.mp4"
        with server.raw(head(path, f"Content-Length: {most + 1}")) as early:
            assert status_of(early) == (413, detail)
        with server.raw(head(path, "Transfer-Encoding: chunked")) as endless:
            for _ in range(most // 10_000 + 1):
                endless.sendall(b"2710\r\n" + bytes(10_000) + b"\r\n")
            assert status_of(endless) == (413, detail)
        until(lambda: server.files() == [])
        assert server.upload(tab, "a.mp4", bytes(most)) == (200, None)
        assert result(held)["kind"] == "result"


def test_queue_is_limited_for_a_page_and_for_all(server):
    with server.tab() as (first, held), server.tab() as (second, other):
        half = head(f"/tabs/{first}?file=a.mp4", "Content-Length: 9") + b"half"
        coming = server.raw(half)
        until(lambda: "a.mp4" in server.files())
        for _ in range(3):  # what is being received counts
            assert server.upload(first, "a.mp4", b"wait")[0] == 200
        status, detail = server.upload(first, "a.mp4", b"wait")
        assert status == 429
        assert detail.startswith("a.mp4: 4 files")
        assert "expected at most 4 (max_queued_per_page)" in detail
        assert [server.upload(second, "b.mp4", b"x")[0] for _ in range(2)] == [200, 200]
        status, detail = server.upload(second, "b.mp4", b"x")
        assert status == 429
        assert "6 files of all pages are waiting already" in detail
        assert "(max_queued)" in detail
        coming.close()
        until(lambda: server.upload(second, "b.mp4", b"x")[0] == 200)
        held.close()  # frees its places at once, and the files behind them are done
        assert [result(other)["kind"] for _ in range(3)] == ["result"] * 3
    until(lambda: server.files() == [])


def test_many_uploads_at_once(server):
    with server.tab() as (tab, held):
        with ThreadPoolExecutor(30) as threads:
            sent = list(
                threads.map(lambda _: server.upload(tab, "a.mp4", bytes(9999))[0], range(60))
            )
        assert set(sent) <= {200, 429}
        done = sent.count(200)
        assert done >= 4
        assert len({result(held)["job"] for _ in range(done)}) == done


def test_full_disk_is_507(tmp_path):
    disk = tmp_path / "files"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root, to have a small disk")
    try:
        with serving(tmp_path) as server, server.tab() as (tab, held):
            status, detail = server.upload(tab, "a.mp4", bytes(150_000))
            assert status == 507
            assert detail.startswith("a.mp4: the file cannot be stored: No space left on device.")
            assert server.files() == []
            assert server.upload(tab, "a.mp4", b"small")[0] == 200
            assert result(held)["kind"] == "result"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_folder_that_is_no_folder_is_507(tmp_path):
    (tmp_path / "files").write_text("a file")
    with serving(tmp_path) as server, server.tab() as (tab, _):
        status, detail = server.upload(tab, "a.mp4")
        assert status == 507
        assert detail.startswith("a.mp4: the file cannot be stored: Not a directory.")


def frame(opcode, data):
    """A WebSocket frame with a mask of zeros."""
    size = len(data)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + data


def handshake(server, path="/tab", *lines, method="GET", origin=None):
    return head(
        path, f"Origin: {origin or server.origin}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *lines,
        method=method,
    ).replace(b"Host: 127.0.0.1", f"Host: 127.0.0.1:{server.port}".encode())  # fmt: skip


def test_websocket_ignores_what_it_is_sent(server):
    with server.tab() as (tab, held):
        for message in ("text", "{", b"\x00\xff", "", b"", "x" * 1000, ["in ", "parts"]):
            held.send(message)
        assert held.ping().wait(SOON)
        assert server.upload(tab, "a.mp4")[0] == 200
        assert result(held)["kind"] == "result"


@pytest.mark.parametrize(
    "data",
    [frame(1, b"x" * 60_000), frame(2, b"x" * 2000), frame(1, b"\xff\xfe"), frame(3, b""),
     frame(8, b"\x00"), frame(8, b"\xff\xff"), frame(9, b"x" * 200), frame(0, b"x"), b"\xff" * 50,
     b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", b"\x81\xff" + b"\xff" * 12],
)  # fmt: skip
def test_only_a_websocket_that_breaks_the_protocol_is_closed(server, data):
    with server.tab() as (_, held), server.raw(handshake(server)) as broken:
        assert b" 101 " in broken.recv(4096)
        broken.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while broken.recv(4096):
                pass
        assert held.ping().wait(SOON)
    assert "Traceback" not in server.log.read_text()


def test_websocket_is_refused_where_it_is_not_the_pages(server):
    address = f"127.0.0.1:{server.port}"
    for path in ("/", "/tabs", "/tab/", "/tab%00", "/about", "/" + "x" * 9000):
        with (
            pytest.raises(InvalidHandshake),
            connect(f"ws://{address}{path}", origin=server.origin),
        ):
            pass
    for origin in (
        "http://[",
        "null",
        "http://",
        "http://127.0.0.1",
        "file://",
        "http://x:99999999",
    ):
        with pytest.raises(InvalidHandshake), connect(f"ws://{address}/tab", origin=origin):
            pass
    with pytest.raises(InvalidHandshake), connect(f"ws://{address}/tab"):
        pass


def test_websocket_handshakes_that_are_broken(server):
    for request in (
        handshake(server, method="POST"),
        handshake(server, "/tab?" + "x" * 9000),
        handshake(server, "/tab", "X: " + "x" * 9000),
        handshake(server, "/tab", *(f"X{number}: 1" for number in range(200))),
        handshake(server).replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"A"),
        handshake(server).replace(b"Sec-WebSocket-Key", b"X"),
        handshake(server).replace(b"Version: 13", b"Version: 99"),
        handshake(server, "/tab", "Sec-WebSocket-Key: BAAAAAAAAAAAAAAAAAAAAA=="),
        handshake(server, "/tab", "Sec-WebSocket-Extensions: ;;;"),
        handshake(server, "/tab", "Sec-WebSocket-Protocol: ,,\xff"),
        handshake(server, "/tab", "Upgrade: h2c"),
        handshake(server, "/tab", "Content-Length: 5") + b"hello",
    ):
        with server.raw(request) as broken:
            answer = broken.recv(4096)
            assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 101")), request[:200]
    for _ in range(10):  # gone before it is accepted
        server.raw(handshake(server)).close()
    assert "Traceback" not in server.log.read_text()


def test_broken_requests_are_answered_once_and_in_json(server):
    with server.tab() as (tab, _):
        upload = f"/tabs/{tab}?file=a.mp4"
        for request in (
            head(upload, "Content-Length: x"),
            head(upload, "Content-Length: -1"),
            head(upload, "Content-Length: " + "9" * 400),
            head(upload, "Content-Length: 1", "Content-Length: 2"),
            head(upload, "Transfer-Encoding: gzip"),
            head("/tabs/\xff"),
            head(f"/tabs/{tab}?file=a b"),
            b"\0\1\2\r\n\r\n",
            head(upload, "Transfer-Encoding: chunked") + b"not a size\r\n",
            head(upload, "Transfer-Encoding: chunked") + b"1\r\nwaits\r\n",
        ):
            with server.raw(request) as broken:
                status, detail = status_of(broken)
                assert 400 <= status < 500
                assert isinstance(detail, str)
        for method in ("HEAD", "BREW"):
            with server.raw(head("/about", "Content-Length: x", method=method)) as broken:
                assert broken.recv(4096).startswith(b"HTTP/1.1 400")
            chunked = head("/about", "Transfer-Encoding: chunked", method=method) + b"no size\r\n"
            with server.raw(chunked) as broken:
                assert broken.recv(4096).startswith(b"HTTP/1.1 4")
        answered = head("/tabs/no-such-tab?file=a", "Transfer-Encoding: chunked")
        with server.raw(answered) as broken:
            assert status_of(broken)[0] == 404
            broken.sendall(b"not a size\r\n")
            assert broken.recv(100) == b""
        with server.raw(
            head(upload, "Content-Length: 1") + b"waits for its turn\r\n\r\n"
        ) as longer:
            assert status_of(longer)[0] == 200
        with server.raw(head(upload, "Content-Length: 100") + b"short") as shorter:
            shorter.shutdown(socket.SHUT_WR)
            shorter.recv(100)
    until(lambda: server.files() == [])
    assert "Traceback" not in server.log.read_text()


def test_results_of_a_page_that_closes_while_they_are_read(server):
    for _ in range(5):
        with ThreadPoolExecutor(8) as threads:
            with server.tab() as (tab, held):
                server.upload(tab, "a.mp4", bytes(100_000))
                result(held)
                path = f"/tabs/{tab}/1/a.csv"
                reading = [threads.submit(read_often, server, path) for _ in range(8)]
                time.sleep(0.02)
            assert all(read.result() == 404 for read in reading)


def read_often(server, path):
    """Read until it is gone; a read that breaks off is one that had begun."""
    while True:
        with contextlib.suppress(http.client.IncompleteRead, http.client.RemoteDisconnected):
            status, _, body = server.ask("GET", path, headers={"Range": "bytes=5-"})
            if status != 206:
                return status
            assert len(body) == 99_995


def bad_request(random_, tab):
    """A seeded request of which no server should mind anything."""
    letters = string.printable + "\0\x7f\x85\u202e\ufeff宝👶%/\\.."
    odd = "".join(random_.choices(letters, k=random_.choice([0, 1, 3, 20, 300])))
    target = random_.choice(["no-such-tab", *[tab] * 5, tab[:-1], quote(odd, safe="")])
    query = random_.choice(["", f"?file={quote(odd)}", "?file=a.mp4&file=b", "?file",
                            f"?{quote(odd)}=1",
                            f"?file=a.mp4&option={quote(odd)}x", "?file=%ff%00%zz%",
                            "?file=results"])  # fmt: skip
    job = random_.choice(
        ["1", "0", "-1", "9" * random_.choice([20, 400, 5000]), quote(odd, safe="")]
    )
    path = random_.choice([f"/tabs/{target}{query}", f"/tabs/{target}{query}",
                           f"/tabs/{target}/{job}/{quote(odd)}{query}",
                           f"/{quote(odd)}"])  # fmt: skip
    body = random_.randbytes(random_.choice([0, 1, 1000, 70_000, 300_000, 300_000]))
    lines = random_.choice([
        [f"Content-Length: {len(body)}"],
        [f"Content-Length: {len(body)}"],
        [f"Content-Length: {len(body) + 5}"],
        [f"Content-Length: {len(body) // 2}"],
        ["Transfer-Encoding: chunked"],
        ["Content-Length: " + random_.choice(["", "-5", "1e3", "9" * 30])],
        ["Content-Length: 5",
         "Range: bytes=" + random_.choice(["9-1", "-", "a-b", "0-" + "9" * 5000])],
        [f"Content-Length: {len(body)}", "Expect: 100-continue"],
        ["Upgrade: websocket", "Connection: Upgrade"],
    ])  # fmt: skip
    method = random_.choice(["POST"] * 6 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
    return head(path, *lines, method=method) + body


def answer_to(server, request):
    """The beginning of the answer; where the server waits for more, the client ends its part."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=SOON) as opened:
        try:
            opened.sendall(request)
            opened.settimeout(0.1)
            return opened.recv(65536)
        except TimeoutError:
            opened.settimeout(SOON)
            opened.shutdown(socket.SHUT_WR)
            return opened.recv(65536)
        except ConnectionError:
            return b""


def test_generated_bad_requests(server):
    random_ = random.Random(19)
    statuses = []
    with server.tab() as (tab, held):
        for number in range(200):
            request = bad_request(random_, tab)
            answer = answer_to(server, request)
            assert not answer.startswith(b"HTTP/1.1 5"), (number, request[:300], answer)
            statuses.append(answer[9:12])
        log = server.log.read_text()
        assert "Traceback" not in log
        assert server.upload(tab, "a.mp4", b"last") == (200, None)
        message = result(held)
        while message["kind"] == "result" and message["files"] != ["a.csv"]:
            message = result(held)
        assert message["kind"] == "result"
    assert {b"200", b"400", b"404", b"405", b"413", b"422"} <= set(statuses)
    until(lambda: server.files() == [])


def test_frames_of_a_camera_are_followed_one_after_the_other(server):
    with server.tab() as (tab, held), server.tab() as (other, _):
        for number, seconds in enumerate((0, 0.04, 0.1), start=1):
            status, answer = server.live(tab, seconds)
            assert (status, answer["frames"], answer["bytes"]) == (200, number, 5)
            assert answer["ms"] >= 0
        assert server.live(other, 0.2)[1]["frames"] == 1
        assert server.live(tab, 0)[1]["frames"] == 1  # the camera was opened again
        assert server.upload(tab, "a.mp4") == (200, None)
        assert result(held)["files"] == ["a.csv"]
    assert server.live(tab, 1)[0] == 404
    until(lambda: server.files() == [])


def test_a_page_has_two_frames_on_their_way_and_all_pages_a_few(server):
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(30) as threads:
        tabs = [stack.enter_context(server.tab())[0] for _ in range(12)]
        sent = []
        for seconds in (1, 2, 3):
            sent.append(threads.submit(server.live, tabs[0], seconds, b"slow"))
            time.sleep(0.1)
        assert [each.result()[0] for each in sent] == [200, 200, 429]
        sent = [threads.submit(server.live, tab, 4, b"slow") for tab in tabs]
        statuses = [each.result()[0] for each in sent]
        assert statuses.count(200) == 8
        assert statuses.count(429) == 4
        assert server.live(tabs[0], 5)[0] == 200


def test_an_outdated_frame_is_refused_and_the_camera_continues(server):
    with server.tab() as (tab, _), ThreadPoolExecutor(1) as threads:
        later = threads.submit(server.live, tab, 2, b"slow")
        time.sleep(0.1)
        status, detail = server.live(tab, 1)
        assert (status, detail) == (429, "a later frame is being processed already.")
        assert later.result()[1]["frames"] == 1
        assert server.live(tab, 3)[1]["frames"] == 2  # no new camera


def test_answers_do_not_wait_for_the_acknowledgement_of_their_headers(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SOON)
    with server.tab() as (tab, _), contextlib.closing(connection):
        waited = []
        for number in range(60):
            begin = time.perf_counter()
            connection.request("POST", f"/tabs/{tab}/live?time={number}", b"frame")
            assert json.loads(connection.getresponse().read())["frames"] == number + 1
            waited.append(time.perf_counter() - begin)
        assert min(waited[30:]) < 0.03  # the kernel acknowledges after 40 ms, except at the start


def test_bad_frames_are_refused_in_a_line_and_the_next_one_works(server):
    with server.tab() as (tab, _):
        assert server.live(tab, 1)[0] == 200
        for seconds, body, status, words in (
            (2, b"bad", 422, "frame: not a JPEG image"),
            (3, bytes(1_000_001), 413, "expected at most 1000000 bytes"),
            ("nan", b"", 422, "finite number"),
            ("inf", b"", 422, "finite number"),
            (-1, b"", 422, "greater than or equal"),
            ("", b"", 422, "number"),
        ):
            found, detail = server.live(tab, seconds, body)
            assert found == status
            assert words in detail
        for broken in (
            head(f"/tabs/{tab}/live?time=4", "Content-Length: 100") + b"short",
            head(f"/tabs/{tab}/live?time=5", "Transfer-Encoding: chunked") + b"5\r\nshort\r\n",
        ):
            server.raw(broken).close()
        endless = head(f"/tabs/{tab}/live?time=6", "Transfer-Encoding: chunked")
        until(lambda: server.live(tab, 5.5)[0] == 200)
        with server.raw(endless) as opened, contextlib.suppress(ConnectionError):
            for _ in range(40):
                opened.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            assert status_of(opened)[0] == 413
        until(lambda: server.live(tab, 7)[1]["frames"] > 0)
        assert server.live("no-such-tab", 8)[0] == 404


def test_a_page_that_closes_while_its_frame_is_processed(server):
    with ThreadPoolExecutor(1) as threads:
        with server.tab() as (tab, _):
            sent = threads.submit(server.live, tab, 1, b"slow")
            time.sleep(0.1)
        assert sent.result()[0] in (200, 404)
    assert "Traceback" not in server.log.read_text()
