"""The service as a process: it starts, says why it cannot, stops when told, and keeps what it acknowledged."""

import gzip
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.api.events import GOOD, event
from tests.api.process import PATIENCE, environment, headwater, post, ready, started
from tests.servers.process import free_port

MEMORY = {"HEADWATER_BACKEND": "memory://"}
EVENTS = [event(run={"runId": f"run-{n}"}, outputs=[{"namespace": "warehouse", "name": f"t{n}"}]) for n in range(5)]


def said_in_one_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What a failed command said: one line, no traceback."""
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("headwater: ")
    return lines[0]


def test_it_starts_answers_and_ends_when_told(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://") as service:
        assert ready(service.url)
        assert post(f"{service.url}/api/v1/lineage", json=GOOD).status_code == 201
        service.process.terminate()
        assert service.code() == 0
        assert "Traceback" not in service.log
        assert "service.closed" in service.log


def test_it_reads_chunked_gzip_without_a_length_as_spark_sends_it(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    with started(tmp_path, "--backend", "memory://") as service:
        for content in (packed, (packed[at : at + 64] for at in range(0, len(packed), 64))):
            headers = {"Content-Encoding": "gzip"}
            response = post(f"{service.url}/api/v1/lineage", content=content, headers=headers)
            assert response.status_code == 201


def test_a_body_too_large_is_refused_and_the_connection_goes_on(tmp_path: Path) -> None:
    with (
        started(tmp_path, "--backend", "memory://", HEADWATER_MAX_EVENT_BYTES="2048") as service,
        httpx.Client(base_url=service.url, timeout=PATIENCE) as client,
    ):
        for content in (b"x" * 10_000_000, (b"x" * 1000 for _ in range(10_000))):
            assert client.post("/api/v1/lineage", content=content).status_code == 413
            assert client.post("/api/v1/lineage", json=GOOD).status_code == 201


def test_it_ends_quietly_on_ctrl_c(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://") as service:
        service.process.send_signal(signal.SIGINT)
        assert service.code() == 0
        assert "Traceback" not in service.log


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    """Half a body is sent, the service is told to stop, the other half follows: the event is taken."""
    body = json.dumps(GOOD).encode()
    with started(tmp_path, "--backend", "memory://") as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            head = f"POST /api/v1/lineage HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:50])
            # The next answer on another connection shows that the first part was read.
            assert ready(service.url)
            service.process.terminate()
            connection.sendall(body[50:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 201")
        assert service.code() == 0


def test_while_it_drains_it_answers_but_is_not_ready(tmp_path: Path) -> None:
    with (
        started(tmp_path, "--backend", "memory://", HEADWATER_DRAIN_SECONDS="600") as service,
        httpx.Client(timeout=PATIENCE) as client,
    ):
        assert client.get(f"{service.url}/readyz").status_code == 200
        service.process.terminate()
        while (response := client.get(f"{service.url}/readyz")).status_code == 200:
            pass
        assert response.json() == {"status": "draining"}
        assert client.post(f"{service.url}/api/v1/lineage", json=GOOD).status_code == 201
        service.process.terminate()
        assert service.code() == 0


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = said_in_one_line(headwater("serve", "--port", str(port), cwd=tmp_path))
    assert str(port) in line
    assert "in use" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_loopback_it_does_not_start_without_a_key(tmp_path: Path, host: str) -> None:
    assert "HEADWATER_TOKEN" in said_in_one_line(headwater("serve", "--host", host, "--port", "0", cwd=tmp_path))


def test_beyond_loopback_it_starts_with_one_and_asks_for_it(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://", "--host", "0.0.0.0", HEADWATER_TOKEN="k3y") as service:
        assert ready(service.url)
        assert post(f"{service.url}/api/v1/lineage", json=GOOD).status_code == 401
        headers = {"Authorization": "Bearer k3y"}
        assert post(f"{service.url}/api/v1/lineage", json=GOOD, headers=headers).status_code == 201
        assert "k3y" not in service.log


@pytest.mark.parametrize(
    ("arguments", "variables", "word"),
    [
        (["serve", "--backend", "nosuch://x"], {}, "nosuch"),
        (["serve", "--port", "99999"], {}, "HEADWATER_PORT"),
        (["serve", "--host", "not a host"], {"HEADWATER_TOKEN": "x"}, "not a host"),
        (["check"], {"HEADWATER_DEMO": "perhaps"}, "HEADWATER_DEMO"),
        (["check"], {"HEADWATER_BACKEND": "sqlite:///new.db?index=perhaps"}, "index is on or off"),
        (["ingest", "no-such-file.ndjson"], {}, "no-such-file.ndjson: No such file"),
        (["ingest", "."], {}, ".: Is a directory"),
        (["copy", "sqlite:///mistyped.db", "sqlite:///new.db"], {}, "there is no store at"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path: Path, arguments: list[str], variables: dict[str, str], word: str) -> None:
    assert word in said_in_one_line(headwater(*arguments, cwd=tmp_path, variables=variables))
    assert not list(tmp_path.glob("*.db*") if "copy" in arguments else ()), "a slip of the pen makes no store"


def test_an_unknown_command_is_shown_the_known_ones(tmp_path: Path) -> None:
    done = headwater("sevre", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_import_tells_how_it_went(tmp_path: Path) -> None:
    lines = "\n".join([json.dumps(GOOD), "{}"])
    done = headwater("ingest", "-", cwd=tmp_path, stdin=lines)
    assert done.returncode == 1
    assert "1 accepted, 1 refused" in done.stdout
    assert "stdin.refused" in done.stdout
    assert (tmp_path / "stdin.refused").exists()
    assert "/eventTime" in done.stderr


def test_check_names_a_mistyped_variable(tmp_path: Path) -> None:
    done = headwater("check", cwd=tmp_path, variables=MEMORY | {"HEADWATER_PROT": "1"})
    assert done.returncode == 0
    assert "HEADWATER_PROT is no setting; HEADWATER_PORT is" in done.stdout


def test_check_makes_no_store_and_says_where_a_cache_does_not_answer(tmp_path: Path) -> None:
    done = headwater("check", cwd=tmp_path)
    assert done.returncode == 0
    assert f"there is no store at {tmp_path / 'headwater.db'} yet" in done.stdout
    assert list(tmp_path.iterdir()) == []
    done = headwater("check", cwd=tmp_path, variables={"HEADWATER_CACHE": f"redis://127.0.0.1:{free_port()}"})
    assert (done.returncode, done.stderr.startswith("headwater: the cache does not answer")) == (1, True)


def test_output_cut_short_by_its_reader_is_no_fault(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "api", "settings"],
        cwd=tmp_path,
        env=environment() | {"PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_what_was_acknowledged_survives_the_death_of_the_process(tmp_path: Path) -> None:
    with started(tmp_path) as service:
        answers = [post(f"{service.url}/api/v1/lineage", json=one) for one in EVENTS]
        service.process.kill()
        service.code()
    assert [answer.status_code for answer in answers] == [201] * len(EVENTS)
    last = answers[-1].json()["epoch"]
    assert not last.startswith("0-")
    with started(tmp_path) as service:
        # Told again, nothing is new: every event is there, and the log goes on where it was.
        again = [post(f"{service.url}/api/v1/lineage", json=one).json()["epoch"] for one in EVENTS]
        assert again == [last] * len(EVENTS)


def test_what_would_be_gone_at_once_is_not_imported(tmp_path: Path) -> None:
    done = headwater("ingest", "-", "--backend", "memory://", cwd=tmp_path, stdin="{}")
    assert done.returncode == 2
    assert "memory:// keeps nothing" in done.stderr


def test_a_gzip_file_is_known_by_its_bytes_and_one_cut_short_is_said_to_be(tmp_path: Path) -> None:
    packed = gzip.compress(b"\n".join(json.dumps(each).encode() for each in EVENTS * 200))
    (tmp_path / "whole").write_bytes(packed)
    done = headwater("ingest", "whole", cwd=tmp_path)
    assert "1,000 accepted, 0 refused" in done.stdout
    assert str(tmp_path / "headwater.db") in done.stdout
    (tmp_path / "half.gz").write_bytes(packed[: len(packed) // 2])
    done = headwater("ingest", "half.gz", cwd=tmp_path)
    assert done.returncode == 2
    assert "half.gz is a broken gzip file" in done.stderr


def test_resync_says_where_there_is_nothing_to_take_in(tmp_path: Path) -> None:
    assert "of the kind sqlite cannot be taken in" in said_in_one_line(headwater("resync", cwd=tmp_path))
