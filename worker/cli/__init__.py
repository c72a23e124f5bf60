"""The command line: `contact-sync VERB`. One module a group of verbs; this one has the way in and the way out."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from kombu.exceptions import OperationalError

from adapters.errors import SyncError
from worker.cli import (
    audit,
    cancel,
    check,
    config,
    decisions,
    demo,
    explain,
    notify,
    plans,
    reports,
    review,
    run,
    service,
    undo,
)
from worker.cli.console import say
from worker.cli.exits import Exit, Refusal
from worker.embedded import AlreadyUpError, EmbeddedValkeyError
from worker.settings import ConfigurationError

__all__ = ["main"]

CODES = (
    "Exit codes: 0 done · 2 usage or configuration · 4 not run (no store, no worker)"  # of verbs that name no others
)
EPILOG = "Exit codes: 0 success · 1 the run had errors · 2 usage or configuration · 3 held or cancelled · 4 not run"

app = typer.Typer(
    name="contact-sync",
    help="Create and maintain one PSA contact for each active Microsoft 365 user.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _register(verbs: typer.Typer) -> None:
    running, deciding = (service, demo, run, cancel, undo), (review, decisions, plans)
    for module in (*running, *deciding, reports, explain, check, audit, notify, config):
        module.register(verbs)
    groups = [group.typer_instance for group in verbs.registered_groups if group.typer_instance is not None]
    for command in (command for group in (verbs, *groups) for command in group.registered_commands):
        if "Exit codes" not in (command.epilog or ""):
            command.epilog = f"{command.epilog}\n\n{CODES}"


_register(app)


@app.callback()
def enter(
    context: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration file; default: $CONTACT_SYNC_CONFIG, ./contact-sync.toml.",
        ),
    ] = None,
) -> None:
    """Keep the configuration file that was named before the verb."""
    context.obj = config_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; each expected trouble is a line on stderr, not a traceback."""
    try:
        app(args=arguments)
    except ConfigurationError as error:
        for problem in error.problems:
            say(problem, style="red")
        sys.exit(Exit.USAGE)
    except Refusal as refusal:
        _complain(refusal.reason, refusal.hint)
        sys.exit(refusal.code)
    except (AlreadyUpError, EmbeddedValkeyError) as error:
        _complain(str(error))
        sys.exit(Exit.NOT_RUN)
    except (SyncError, OperationalError) as error:
        _complain(f"the store cannot be used: {error}", "check service.redis_url, or that `contact-sync up` runs")
        sys.exit(Exit.NOT_RUN)
    except BrokenPipeError:  # the reader had enough
        sys.stderr.close()
        sys.exit(Exit.SUCCESS)


def _complain(reason: str, hint: str | None = None) -> None:
    say(reason, style="red")
    for line in (hint or "").splitlines():
        say(f"  {line}")
