"""Servers that speak Gremlin: JanusGraph in memory or over Cassandra, and TinkerPop's own. All on Java 17.

JanusGraph 1.1 is the newest there is and carries TinkerPop 3.7.3; commons-lang3 is named first, since the version Maven
would settle on is too old for it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tests.servers.jars import class_path, java
from tests.servers.process import HOST, Server, free_port, listens

LOGGING = "org.slf4j:slf4j-simple:1.7.36"
JANUSGRAPH = (
    "org.apache.commons:commons-lang3:3.17.0",
    "org.janusgraph:janusgraph-server:1.1.0",
    "org.janusgraph:janusgraph-inmemory:1.1.0",
    "org.janusgraph:janusgraph-cql:1.1.0",
    LOGGING,
)
TINKERPOP = ("org.apache.tinkerpop:gremlin-server:3.7.5", "org.apache.tinkerpop:tinkergraph-gremlin:3.7.5", LOGGING)
OPENED = ("java.base/java.lang", "java.base/java.util", "java.base/sun.nio.ch", "java.base/java.nio")
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For minutes on a machine that does much else, what is compiled quickly is faster than what is compiled well."""
SERVER = """
host: {host}
port: {port}
evaluationTimeout: 120000
channelizer: org.apache.tinkerpop.gremlin.server.channel.WebSocketChannelizer
{manager}
gremlinPool: 4
threadPoolWorker: 2
maxContentLength: 16777216
graphs: {{ graph: {home}/graph.properties }}
scriptEngines: {{ gremlin-groovy: {{ plugins: {{
  {plugin}: {{}},
  org.apache.tinkerpop.gremlin.server.jsr223.GremlinServerGremlinPlugin: {{}},
  org.apache.tinkerpop.gremlin.jsr223.ImportGremlinPlugin:
    {{classImports: [java.lang.Math], methodImports: [java.lang.Math#*]}},
  org.apache.tinkerpop.gremlin.jsr223.ScriptFileGremlinPlugin: {{files: [{home}/init.groovy]}}}}}}}}
serializers:
  - {{ className: org.apache.tinkerpop.gremlin.util.ser.GraphBinaryMessageSerializerV1 }}
{more}
"""
SECURED = """
ssl: {{ enabled: true, keyStore: {store}, keyStorePassword: {secret}, keyStoreType: PKCS12 }}
authentication: {{
  authenticator: org.apache.tinkerpop.gremlin.server.auth.SimpleAuthenticator,
  config: {{ credentialsDb: {credentials} }}}}
"""


class GremlinServer(Server):
    """`url` is what Headwater opens; `frame` and so on can be added to it after a `&`."""

    main: ClassVar[str]
    coordinates: ClassVar[tuple[str, ...]]
    manager: ClassVar[str] = ""
    plugin: ClassVar[str]
    dialect: ClassVar[str]
    heap: ClassVar[str] = "1g"
    flags: Sequence[str] = SHORT_LIVED
    failure = "unable to start"  # it lingers on for minutes

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port = free_port()
        self.more = ""

    @property
    def url(self) -> str:
        return f"gremlin://{HOST}:{self.port}/g?dialect={self.dialect}"

    @abstractmethod
    def graph(self) -> str:
        """The properties of the graph."""

    def command(self) -> list[str]:
        home = self.home
        (home / "graph.properties").write_text(self.graph())
        (home / "init.groovy").write_text("def globals = [:]; globals << [g : traversal().withEmbedded(graph)]")
        server = SERVER.format(
            host=HOST, port=self.port, home=home, manager=self.manager, plugin=self.plugin, more=self.more
        )
        (home / "server.yaml").write_text(server)
        return [
            java(),
            "-Xms256m",
            f"-Xmx{self.heap}",
            *self.flags,
            *(f"--add-opens={opened}=ALL-UNNAMED" for opened in OPENED),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            class_path(*self.coordinates),
            self.main,
            str(home / "server.yaml"),
        ]

    def is_ready(self) -> bool:
        """The port opens after the graph is open."""
        return listens(self.port)


class JanusGraphServer(GremlinServer):
    """In memory: what it kept is gone when it is started again."""

    name = "janusgraph"
    main = "org.janusgraph.graphdb.server.JanusGraphServer"
    coordinates = JANUSGRAPH
    manager = "graphManager: org.janusgraph.graphdb.management.JanusGraphManager"
    plugin = "org.janusgraph.graphdb.tinkerpop.plugin.JanusGraphGremlinPlugin"
    dialect = "janusgraph"
    lock_wait: ClassVar[int] = 2
    """Milliseconds; as many as a storage needs to see what another wrote."""

    def storage(self) -> dict[str, str | int]:
        return {"storage.backend": "inmemory"}

    def graph(self) -> str:
        settings = {
            "gremlin.graph": "org.janusgraph.core.JanusGraphFactory",
            "graph.graphname": "graph",
            "schema.default": "none",
            "query.batch.enabled": "true",
            "query.fast-property": "true",
            "cache.db-cache": "false",
            "ids.block-size": 100_000,
            "storage.lock.wait-time": self.lock_wait,
            "storage.lock.retries": 20,  # a lock that was written more slowly than that is written again
            "storage.lock.expiry-time": 5_000,  # so long a server that was killed keeps others from writing
            **self.storage(),
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())


class TinkerPopServer(GremlinServer):
    """TinkerGraph behind TinkerPop's own server: no transactions, nothing kept."""

    name = "janusgraph"  # it needs the same of a machine
    main = "org.apache.tinkerpop.gremlin.server.GremlinServer"
    coordinates = TINKERPOP
    plugin = "org.apache.tinkerpop.gremlin.tinkergraph.jsr223.TinkerGraphGremlinPlugin"
    dialect = "tinkerpop"

    def graph(self) -> str:
        return (
            "gremlin.graph=org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerGraph\n"
            "gremlin.tinkergraph.vertexIdManager=LONG\n"
            "gremlin.tinkergraph.edgeIdManager=LONG\n"
        )
