"""The command line: `headwater serve`, `ingest`, `demo`, `copy`, `pin`, `resync`, `check`, `settings`,
`schema`, `version`.

Exit codes: 0 done, 1 done in part (some events refused, or not ready), 2 could not be done. Errors are one line each.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import uvloop
from tqdm import tqdm

from api import logs
from api.bulk import STDIN, Tally, import_file, size_of
from api.places import check_exists, in_words, is_unmade
from api.server import PortInUse, listen, serve
from api.settings import REDIS, BadSetting, Settings, table, unknown_variables
from api.upkeep import DAY
from api.version import VERSION
from api.writer import Writer
from backends.base import LineageBackend, Resynced
from backends.errors import BackendError, Misconfigured
from backends.registry import open_backend, without_index

DONE, IN_PART, FAILED = 0, 1, 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    debug = os.environ.get("HEADWATER_LOG_LEVEL") == "debug"
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("stopped", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left; Python would complain once more at exit when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return IN_PART
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except (BadSetting, PortInUse, BackendError) as error:
        return _fail(str(error))
    except Exception as error:
        if debug:
            raise
        return _fail(f"unexpected {type(error).__name__}: {error} (HEADWATER_LOG_LEVEL=debug shows where)")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="headwater", description="Lineage: where a number comes from, what a change breaks."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str, *, store: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        if store:
            added.add_argument("--backend", metavar="URL", help="the store (else HEADWATER_BACKEND)")
        return added

    serving = command("serve", _serve, "Serve the API until stopped.")
    serving.add_argument("--host", help="the address to listen on (else HEADWATER_HOST)")
    serving.add_argument("--port", type=int, help="the port to listen on, 0 for any (else HEADWATER_PORT)")
    importing = command(
        "ingest", _ingest, "Import OpenLineage events from files: NDJSON, a JSON array or one event, .gz too."
    )
    importing.add_argument("files", nargs="+", metavar="FILE", help="a file, or - for standard input")
    command("demo", _demo, "Load the demo into the store, empty or not.")
    copying = command("copy", _copy, "Copy everything one store holds into an empty one, and prove it equal.", store=False)
    copying.add_argument("source", metavar="FROM", help="the URL of the store to read; nothing should write to it meanwhile")
    copying.add_argument("target", metavar="TO", help="the URL of the store to fill, of any kind")
    pinning = command("pin", _pin, "Keep ready what depends on entities; without an ID list what is pinned.")
    pinning.add_argument("ids", nargs="*", metavar="ID", help="an entity; a bare name is one in the namespace default")
    pinning.add_argument("--remove", action="store_true", help="they need not be kept ready any more")
    command("resync", _resync, "Take in what others than Headwater did to the store, by hand for example.")
    command("check", _check, "Check the settings and that the store answers.")
    command("settings", _settings, "Print every setting as a Markdown table.", store=False)
    printing = command("schema", _schema, "Print the GraphQL schema.", store=False)
    printing.add_argument("--federation", action="store_true", help="as a subgraph of Apollo Federation 2")
    command("version", _version, "Print the version.", store=False)
    return parser


def _configured(arguments: argparse.Namespace) -> Settings:
    """The settings, command line first, and logging set up by them."""
    overrides = {name: getattr(arguments, name, None) for name in ("backend", "host", "port")}
    settings = Settings.from_environment(os.environ, **overrides)
    logs.configure(settings.log_level)
    return settings


def _serve(arguments: argparse.Namespace) -> int:
    # Imported here: GraphQL takes its time to import, and who imports events or reads help has no use for it.
    from api.app import create_app
    from api.greeting import greeting
    from api.tracing import tracing_of

    settings = _configured(arguments)
    settings.check_exposure()
    for name, meant in unknown_variables(os.environ).items():
        logs.log(logging.WARNING, "settings.unknown", variable=name, meant=meant)
    tracing = tracing_of(settings)
    listener = listen(settings.host, settings.port)
    port: int = listener.getsockname()[1]
    say = partial(print, flush=True)
    app = create_app(settings, say, tracing)
    _run(serve(app, settings, listener, announce=lambda: say(greeting(settings, port))))
    return DONE


def _ingest(arguments: argparse.Namespace) -> int:
    settings = _configured(arguments)
    _check_keeps(settings.backend)
    tallies = _run(_import_all(settings, arguments.files))
    accepted, refused = (sum(getattr(tally, name) for tally in tallies) for name in ("accepted", "refused"))
    print(f"{accepted:,} accepted, {refused:,} refused, of the events for {in_words(settings.backend)}")
    for tally in tallies:
        if tally.refusals is not None:
            print(f"what was refused, and why: {tally.refusals}")
    return IN_PART if refused else DONE


async def _import_all(settings: Settings, files: Sequence[str]) -> list[Tally]:
    """Imports each file. What was stored stays, whatever happens later: run it again to go on."""
    with ExitStack() as stack:
        sizes = {name: size_of(name) for name in files}
        total = None if None in sizes.values() else sum(size or 0 for size in sizes.values())
        bar = stack.enter_context(tqdm(total=total, unit="B", unit_scale=True, disable=not sys.stderr.isatty()))
        say = partial(tqdm.write, file=sys.stderr)
        async with open_backend(settings.backend) as backend:
            writer, tallies = _writer(backend, settings), []
            for name in files:
                bar.set_description("standard input" if name == STDIN else name)
                tallies.append(await import_file(name, writer, settings.ingest_concurrency, progress=bar.update, say=say))
            return tallies


def _check_keeps(url: str) -> None:
    """Raises `Misconfigured` where what is written would be gone when the command ends."""
    if url.startswith("memory:"):
        raise Misconfigured("memory:// keeps nothing after the command; name a store that does")


def _writer(backend: LineageBackend, settings: Settings) -> Writer:
    return Writer(backend, sealed_after=settings.seal_runs_days * DAY)


def _demo(arguments: argparse.Namespace) -> int:
    from api import demo

    settings = _configured(arguments)
    _check_keeps(settings.backend)

    async def load() -> None:
        async with open_backend(settings.backend) as backend:
            await demo.load(backend, _writer(backend, settings), settings.ingest_concurrency, say=partial(print, flush=True))

    _run(load())
    return DONE


def _copy(arguments: argparse.Namespace) -> int:
    from api.copying import moved

    logs.configure(Settings.from_environment(os.environ).log_level)
    for url in (arguments.source, arguments.target):
        _check_keeps(url)
    check_exists(arguments.source)
    counts = _run(moved(arguments.source, arguments.target, say=partial(print, file=sys.stderr)))
    for kind, count in sorted(counts.items()):
        print(f"{kind:<28} {count:>12,}")
    print(f"{counts.total():,} in all; both stores hold the same")
    return DONE


def _pin(arguments: argparse.Namespace) -> int:
    from api.pinning import pinned, set_pins

    settings = _configured(arguments)
    _check_keeps(settings.backend)
    check_exists(settings.backend)
    if arguments.remove and not arguments.ids:
        return _fail("say what to unpin; without --remove `headwater pin` lists what is pinned")
    if not arguments.ids:
        _run(pinned(settings.backend, say=print))
        return DONE
    done, wrong = _run(set_pins(settings.backend, arguments.ids, remove=arguments.remove))
    for root in done:
        print(f"{'unpinned' if arguments.remove else 'pinned'}: {root}")
    for message in wrong:
        _fail(message)
    return DONE if not wrong else IN_PART if done else FAILED


def _resync(arguments: argparse.Namespace) -> int:
    settings = _configured(arguments)

    async def take_in() -> Resynced:
        async with open_backend(without_index(settings.backend)) as backend:
            return await backend.resync()

    done = _run(take_in())
    print(f"taken in: {done.nodes:,} nodes, {done.edges:,} edges; a new history begins at epoch {done.epoch}")
    if done.doubles or done.dropped:
        print(f"removed: {done.doubles:,} edges that were there twice, {done.dropped:,} kept of nodes that are gone")
    for problem in done.problems:
        print(f"left as it is: {problem}", file=sys.stderr)
    return IN_PART if done.problems else DONE


def _check(arguments: argparse.Namespace) -> int:
    from api.looking import cache_answers, look_at_store
    from api.tracing import tracing_of
    from api.trusted import manifest_in
    from schema.service import schema

    for name, meant in unknown_variables(os.environ).items():
        print(f"{name} is no setting" + (f"; {meant} is" if meant else ""))
    settings = _configured(arguments)
    settings.check_exposure()
    manifest_in(settings, schema())
    tracing_of(settings)

    store = in_words(settings.backend)
    open_backend(settings.backend)  # reads the URL
    if is_unmade(settings.backend):
        print(f"settings are fine; there is no store at {store} yet, the first start makes it")
    else:
        print(f"settings are fine; the store ({store}) answers, at epoch {_run(look_at_store(settings.backend))}")
    if settings.cache.startswith(REDIS) and not _run(cache_answers(settings.cache)):
        return _fail("the cache does not answer; until it does, answers are remembered in each process alone", IN_PART)
    return DONE


def _settings(_: argparse.Namespace) -> int:
    print(table())
    return DONE


def _schema(arguments: argparse.Namespace) -> int:
    from schema.service import schema
    from schema.subgraph import subgraph_of

    print(subgraph_of(schema()) if arguments.federation else schema().as_str())
    return DONE


def _version(_: argparse.Namespace) -> int:
    print(VERSION)
    return DONE


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _fail(message: str, code: int = FAILED) -> int:
    print(f"headwater: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
