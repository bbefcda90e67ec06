"""Cassandra 5 on Java 17, one node, and JanusGraph over it: what outlives a restart and is not atomic across rows."""

import os
from pathlib import Path
from typing import ClassVar

from tests.servers.gremlin import SHORT_LIVED, JanusGraphServer
from tests.servers.jars import class_path, java
from tests.servers.process import HOST, Server, free_port, listens

CASSANDRA = "org.apache.cassandra:cassandra-all:5.0.9"
CONFIGURATION = """
cluster_name: headwater
num_tokens: 16
allocate_tokens_for_local_replication_factor: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
data_file_directories: [{home}/data]
commitlog_directory: {home}/commitlog
hints_directory: {home}/hints
saved_caches_directory: {home}/saved_caches
cdc_raw_directory: {home}/cdc_raw
commitlog_sync: batch
commitlog_segment_size: 16MiB
endpoint_snitch: SimpleSnitch
listen_address: {host}
rpc_address: {host}
storage_port: {internal}
ssl_storage_port: {encrypted}
start_native_transport: true
native_transport_port: {port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{host}:{internal}"}}]
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
memtable_heap_space: 128MiB
memtable_offheap_space: 128MiB
concurrent_reads: 16
concurrent_writes: 16
read_request_timeout: 20000ms
range_request_timeout: 60000ms
write_request_timeout: 20000ms
auto_snapshot: false
disk_optimization_strategy: ssd
"""
LOGBACK = """<configuration><appender name="S" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%-5level %date %logger{0} - %msg%n</pattern></encoder></appender>
<root level="INFO"><appender-ref ref="S"/></root></configuration>
"""
EXPORTED = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.compiler/com.sun.tools.javac.file",
)
OPENED = (
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "jdk.management/com.sun.management.internal",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.nio",
    "java.rmi/sun.rmi.transport.tcp",
)
FOLDERS = ("conf", "data", "commitlog", "hints", "saved_caches", "cdc_raw")


class CassandraServer(Server):
    """One node. What is acknowledged is in its commit log on disk."""

    name = "janusgraph"  # it needs the same of a machine
    heap: ClassVar[str] = "1g"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port, self.internal, self.encrypted = free_port(), free_port(), free_port()

    def command(self) -> list[str]:
        home = self.home
        for folder in FOLDERS:
            (home / folder).mkdir(exist_ok=True)
        yaml = CONFIGURATION.format(home=home, host=HOST, port=self.port, internal=self.internal, encrypted=self.encrypted)
        (home / "conf" / "cassandra.yaml").write_text(yaml)
        (home / "conf" / "logback.xml").write_text(LOGBACK)
        jars = class_path(CASSANDRA)
        jamm = next(jar for jar in jars.split(os.pathsep) if Path(jar).name.startswith("jamm-"))
        said = {
            "java.io.tmpdir": home,
            "jdk.attach.allowAttachSelf": "true",
            "io.netty.tryReflectionSetAccessible": "true",
            "cassandra.config": f"file://{home}/conf/cassandra.yaml",
            "cassandra.storagedir": home,
            "logback.configurationFile": f"file://{home}/conf/logback.xml",
            "cassandra.ring_delay_ms": 1000,
            "cassandra.skip_wait_for_gossip_to_settle": 0,
            "cassandra.superuser_setup_delay_ms": 0,
        }
        return [
            java(),
            "-Xms512m",
            f"-Xmx{self.heap}",
            "-Xss256k",
            *SHORT_LIVED,
            f"-javaagent:{jamm}",
            *(f"--add-exports={exported}=ALL-UNNAMED" for exported in EXPORTED),
            *(f"--add-opens={opened}=ALL-UNNAMED" for opened in OPENED),
            *(f"-D{key}={value}" for key, value in said.items()),
            "-cp",
            os.pathsep.join((str(home / "conf"), jars)),
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    def is_ready(self) -> bool:
        return listens(self.port)


class JanusGraphOnCassandra(JanusGraphServer):
    """JanusGraph over a Cassandra that is started before it and goes on when it is stopped or killed."""

    lock_wait = 20  # one server, so nobody else's clock and writes need to be waited for; several need 100

    def __init__(self, home: Path, cassandra: CassandraServer) -> None:
        super().__init__(home)
        self.cassandra = cassandra

    def storage(self) -> dict[str, str | int]:
        return {
            "storage.backend": "cql",
            "storage.hostname": HOST,
            "storage.port": self.cassandra.port,
            "storage.cql.keyspace": "headwater",
            "storage.cql.local-datacenter": "datacenter1",
            "storage.cql.replication-factor": 1,
            "storage.cql.read-consistency-level": "ONE",
            "storage.cql.write-consistency-level": "ONE",
            "storage.cql.request-timeout": 30000,
        }
