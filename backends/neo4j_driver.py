"""The connection to a Neo4j server; the only place that uses the driver: deadlines, retries, whose error is whose.

Each session begins where the last one ended (bookmarks): the server waits until everything that an earlier statement may
have seen is applied, indexes included. Without that a statement may see a commit by halves while it is being applied,
since Neo4j reads committed data only. In a cluster it is also what makes a follower wait for the leader.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NamedTuple, TypeAlias

import neo4j
from neo4j import exceptions

from backends.errors import BackendError, Misconfigured, Rejected, TimedOut, Unavailable
from backends.neo4j_settings import Settings
from backends.neo4j_statement import Statement

Record: TypeAlias = Mapping[str, Any]
Run: TypeAlias = Callable[[Statement], Any]

TRIES: Final = 4
"""How often a statement is tried that failed and left nothing behind."""
PAUSE: Final = 0.02
"""Seconds before the second try; doubled for each after it."""

TIMEOUTS: Final = frozenset(
    {
        "Neo.ClientError.Transaction.TransactionTimedOut",
        "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
        "Neo.ClientError.Transaction.LockAcquisitionTimeout",
        "Neo.TransientError.Transaction.LockAcquisitionTimeout",
        "Neo.TransientError.Transaction.BookmarkTimeout",
        "Neo.ClientError.Transaction.TransactionTerminated",
        "Neo.TransientError.Transaction.Terminated",
    }
)
ABSENT: Final = frozenset({"Neo.ClientError.Database.DatabaseNotFound", "Neo.ClientError.Procedure.ProcedureNotFound"})
FULL: Final = frozenset(
    {
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
        "Neo.TransientError.General.OutOfMemoryError",
        "Neo.TransientError.General.StackOverFlowError",
        "Neo.TransientError.Transaction.MaximumTransactionLimitReached",
    }
)


REFUSED: Final = ("Neo.ClientError.Statement.", "Neo.ClientError.Schema.")
"""Beginnings of the codes of what was wrong with a statement or its values."""


class Refused(Rejected):
    """Neo4j cannot keep a value, such as text too long for an index, and has rolled back."""


def ours(error: BaseException) -> BackendError:
    """Our error for one of the driver's, by class and by code. The server's text stays with the cause."""
    if is_untrusted(error):
        return Misconfigured("Neo4j's certificate is not trusted, or it speaks no TLS there")
    match error:
        case BackendError():
            return error
        case TimeoutError():
            return TimedOut("Neo4j did not answer in time")
        case exceptions.AuthError() | exceptions.Forbidden():
            return Misconfigured("Neo4j refuses this user or password, or does not let the user write here")
        case exceptions.ConfigurationError() | exceptions.CertificateConfigurationError():
            return Misconfigured("the Neo4j driver cannot work with this URL or these certificates")
        case exceptions.Neo4jError() if error.code in TIMEOUTS:
            return TimedOut("Neo4j did not finish in time")
        case exceptions.Neo4jError() if error.code in ABSENT:
            return Misconfigured("Neo4j has no such database, or is older than 5.26")
        case exceptions.Neo4jError() if error.code in FULL:
            return Unavailable("Neo4j has no memory or place left for this transaction")
        case exceptions.ClientError() if (error.code or "").startswith(REFUSED):
            return Refused("Neo4j cannot keep a value of this")
        case exceptions.TransientError() | exceptions.DatabaseUnavailable():
            return Unavailable("Neo4j cannot do this just now")
        case exceptions.Neo4jError():
            return Unavailable("Neo4j could not run a statement")
        case exceptions.DriverError():
            return Unavailable("Neo4j does not answer")
        case OverflowError():
            return Rejected("a number does not fit into 64 bits")
        case UnicodeEncodeError():
            return Rejected("half of a surrogate pair is no text")
        case OSError():
            return Unavailable("Neo4j does not answer")
    raise error


def is_untrusted(error: BaseException | None) -> bool:
    """Whether TLS did not come about for what will be no other next time: not where the connection merely ended. The driver
    hides the reason in what caused its error, in a group of errors where it looked for the members of a cluster."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_untrusted, error.exceptions))
    if isinstance(error, ssl.SSLError):
        return not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return error is not None and is_untrusted(error.__cause__)


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors become ours."""
    try:
        yield
    except (
        exceptions.Neo4jError,
        exceptions.DriverError,
        TimeoutError,
        OverflowError,
        UnicodeEncodeError,
        OSError,
    ) as error:
        raise ours(error) from error


def left_nothing(error: BaseException) -> bool:
    """Whether the server says that it rolled back, and that the same may succeed if tried again."""
    return isinstance(error, exceptions.Neo4jError) and error.is_retryable() and error.code not in TIMEOUTS | FULL


def lost(error: BaseException) -> bool:
    """Whether the connection was lost, so that nobody knows what the server did. One that lay idle while the server was
    restarted is lost at its next use."""
    return isinstance(error, exceptions.ServiceUnavailable | exceptions.SessionExpired)


class Told(NamedTuple):
    """The record of a statement. `moment` names the one state of the database that all of it was read from: a statement
    begins once all is applied that its bookmarks say, and ends with a bookmark of what was committed by then; where that
    is the same, nothing was committed or applied in between. None: something may have been."""

    record: Record | None
    moment: str | None


class _Parameters(dict[str, Any]):
    """The driver makes a text of all parameters for a line of its log, whether there is a log or not, which takes
    milliseconds for a large write. And what people store is no matter for a log."""

    def __repr__(self) -> str:
        return f"<{len(self)} parameters>"


class Bolt:
    """Runs statements whose answer is one record. `seen`, where it is set, is told of each one: tests count them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._driver: neo4j.AsyncDriver | None = None
        self._bookmarks: frozenset[str] = frozenset()
        self.seen: Callable[[Statement], None] | None = None

    def open(self) -> None:
        """Makes the pool of connections; none is opened yet. Raises `Misconfigured`."""
        said = self._settings
        logging.getLogger("neo4j").setLevel(logging.ERROR)  # what it warns of comes back as an exception
        trust: dict[str, Any] = {}
        if said.ca is not None:
            trust = {"encrypted": True, "trusted_certificates": neo4j.TrustCustomCAs(str(said.ca))}
        with translated():
            self._driver = neo4j.AsyncGraphDatabase.driver(
                said.url,
                auth=None if said.user is None else (said.user, said.password or ""),
                max_connection_pool_size=said.connections,
                connection_acquisition_timeout=said.timeout,
                connection_timeout=min(said.timeout, 10.0),
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                user_agent="headwater",
                **trust,
            )

    async def close(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.close()

    def _session(self, began: frozenset[str], *, writes: bool) -> neo4j.AsyncSession:
        if self._driver is None:
            raise Unavailable("the store is closed")
        return self._driver.session(
            database=self._settings.database,
            default_access_mode=neo4j.WRITE_ACCESS if writes else neo4j.READ_ACCESS,
            bookmarks=neo4j.Bookmarks.from_raw_values(began),
        )

    async def _ended(self, session: neo4j.AsyncSession, began: frozenset[str]) -> None:
        """The next session begins where this one ended, which began at those bookmarks."""
        self._bookmarks = self._bookmarks - began | (await session.last_bookmarks()).raw_values

    async def run(self, statement: Statement, *, again: bool = True) -> Record | None:
        """The record of a statement in a transaction of its own, None where it gives none. `again` says that it may run
        twice, so that one whose connection was lost is tried once more. Raises `BackendError`."""
        return (await self.told(statement, again=again)).record

    async def told(self, statement: Statement, *, again: bool = True) -> Told:
        """As `run`, with the moment that the record tells of."""
        tries = 0
        with translated():
            async with asyncio.timeout(self._settings.timeout):
                while True:
                    try:
                        return await self._once(statement)
                    except (exceptions.Neo4jError, exceptions.DriverError) as error:
                        tries += 1
                        once_more = left_nothing(error) or (again and lost(error) and tries == 1)
                        if not once_more or tries >= TRIES:
                            raise
                    await asyncio.sleep(PAUSE * 2**tries)

    async def _once(self, statement: Statement) -> Told:
        if self.seen is not None:
            self.seen(statement)
        query = neo4j.Query(statement.text, timeout=self._settings.timeout)
        began = self._bookmarks
        async with self._session(began, writes=statement.writes) as session:
            result = await session.run(query, p=_Parameters(statement.parameters))
            record = _plain(await result.single())
            bookmark = (await result.consume()).metadata.get("bookmark")
            await self._ended(session, began)
            return Told(record, bookmark if bookmark in began else None)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Run]:
        """Several statements in one transaction, which is committed at the end, or rolled back where one fails."""
        began = self._bookmarks
        with translated():
            async with (
                asyncio.timeout(self._settings.timeout),
                self._session(began, writes=True) as session,
                await session.begin_transaction(timeout=self._settings.timeout) as transaction,
            ):

                async def run(statement: Statement) -> Record | None:
                    if self.seen is not None:
                        self.seen(statement)
                    result = await transaction.run(statement.text, p=_Parameters(statement.parameters))
                    return _plain(await result.single())

                yield run
                await transaction.commit()
                await self._ended(session, began)


class Watch:
    """Runs statements, and knows whether they all read one and the same state of the database."""

    def __init__(self, bolt: Bolt) -> None:
        self._bolt = bolt
        self._moments: set[str | None] = set()

    async def run(self, statement: Statement) -> Record | None:
        """As `Bolt.run`."""
        told = await self._bolt.told(statement)
        self._moments.add(told.moment)
        return told.record

    @property
    def is_one_moment(self) -> bool:
        return len(self._moments) == 1 and None not in self._moments


def _plain(record: neo4j.Record | None) -> Record | None:
    return None if record is None else dict(record)
