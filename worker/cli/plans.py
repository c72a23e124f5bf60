"""`contact-sync plan`, `apply` and `approve`: changes that are looked at first, and then written, exactly these."""

import json
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from adapters.records import KeptPlan, Run
from adapters.store import Store
from tasks.plans.applying import Asked, apply_plan, find_held, find_plan
from tasks.plans.exports import command_of, facts_of, is_to_do
from tasks.requesting import RequestRefusedError, request_run
from worker.cli.choosing import choose
from worker.cli.console import make_table, out, plain, say
from worker.cli.entering import Config, Json, known_connectors, opened_store, requesting_ports, settings_of
from worker.cli.exits import Exit, Refusal
from worker.cli.exporting import Csv, Html, Output, choose_export, opened_output
from worker.cli.plan_lines import PLAN_COLUMNS, plan_row, print_plan
from worker.cli.run import (
    CompanyId,
    Departments,
    IncludeDisabled,
    Locations,
    Mode,
    ModeOption,
    NoUpdate,
    NoWait,
    Upns,
    check_published,
    check_workers,
    describe_request,
    print_ids,
    read_request,
    wait_for_runs,
)
from worker.reporting import write_csv_plan, write_html_plan, write_json_plan
from worker.settings import Settings

__all__ = ["register"]

FIRST_LINES = 10
MOST_PLANS = 20
EXPORTS = {"json": write_json_plan, "csv": write_csv_plan, "html": write_html_plan}
MAKE = "make"
CODES = (
    "Exit codes: 0 success · 1 the run had errors · 2 usage, no such plan, or nobody to ask and no --yes"
    " · 3 not confirmed, held or cancelled"
    " · 4 not run (no worker, credentials) · 130 Ctrl-C: the run goes on"
)

EXAMPLES = (
    "Example: contact-sync plan contoso --mode full\n\n"
    "Example: contact-sync plan make list, where the connector's name is a verb"
)

Name = Annotated[str, typer.Argument(metavar="CONNECTOR", help="Whose users.")]
Number = Annotated[int, typer.Argument(metavar="PLAN", min=1, help="A number as `plan list` shows it.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A held run, as `runs` lists it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Digest = Annotated[
    str | None, typer.Option("--digest", metavar="HEX", help="Only if the plan's digest begins so: what was looked at.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many plans.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="CONNECTOR", help="Whose plans; absent: all.")]


class PlanGroup(TyperGroup):
    """`plan CONNECTOR` is `plan make CONNECTOR`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's context is click's
        """Put in the verb that was left out."""
        is_named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if is_named else [MAKE, *args])


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(
        name="plan",
        cls=PlanGroup,
        help="Make a numbered plan of what a run would write (`plan CONNECTOR`), list plans, look at one.",
        no_args_is_help=True,
        epilog=f"{EXAMPLES}\n\nThe options of `plan CONNECTOR` are those of `plan make`: contact-sync plan make --help",
    )
    group.command(MAKE, epilog=f"{EXAMPLES}\n\n{CODES}")(make)
    group.command("list", epilog="Example: contact-sync plan list contoso")(list_plans)
    group.command(epilog="Example: contact-sync plan show 7 --html --output plan.html")(show)
    app.add_typer(group)
    app.command(epilog=f"Example: contact-sync apply 7\n\n{CODES}")(apply)
    app.command(epilog=f"Example: contact-sync approve 20261124T020000-contoso-ab12cd\n\n{CODES}")(approve)


def make(  # noqa: PLR0913 - one option each input of a run
    context: typer.Context,
    connector: Name,
    *,
    mode: ModeOption = Mode.INCREMENTAL,
    upn: Upns = None,
    department: Departments = None,
    office_location: Locations = None,
    company_id: CompanyId = None,
    include_disabled: IncludeDisabled = False,
    no_update_existing: NoUpdate = False,
    no_wait: NoWait = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Do a dry run and keep what it would write as a numbered plan, for `apply`. Nothing is written."""
    request = read_request(
        sync_mode=mode.value,
        company_id=company_id,
        department_filter=",".join(department) if department else None,
        office_location_filter=",".join(office_location) if office_location else None,
        user_principal_names=tuple(upn or ()),
        skip_disabled_users=not include_disabled,
        update_existing=not no_update_existing,
        dry_run=True,
    )
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        ports = requesting_ports(settings, store)
        check_published(settings, store)
        (name,) = choose(known_connectors(ports), names=[connector])
        say(f"request for the plan of {name}: {describe_request(request)}")
        check_workers(settings, store)
        run = request_run(ports, name, request, trigger="cli", keeps_plan=True)
        if no_wait:
            print_ids([run.run_id], as_json=as_json)
            return
        code = wait_for_runs(settings, store, [run], as_json=as_json)
        plan = store.kept.load(run.run_id)
        if plan is not None:
            say(f"plan {plan.number}: {plan.lines} changes, digest {plan.digest[:16]}", style="bold")
        if plan is not None and plan.lines:
            say(f"  review it:       contact-sync plan show {plan.number} --html --output plan-{plan.number}.html")
            say(f"  carry it out:    {command_of(plan)}")
    raise typer.Exit(code)


def list_plans(
    context: typer.Context,
    connectors: Names = None,
    *,
    limit: Limit = MOST_PLANS,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List the plans that are kept, the newest first: those that were asked for, and those of held runs."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        facts = [facts_of(plan) for plan in store.kept.newest(limit, connectors=connectors or ())]
    if as_json:
        sys.stdout.writelines(json.dumps(each) + "\n" for each in facts)
    elif facts:
        out().print(make_table(PLAN_COLUMNS, map(plan_row, facts)))
    else:
        say("there is no plan; make one by `contact-sync plan CONNECTOR`")


def show(
    context: typer.Context,
    number: Number,
    *,
    as_json: Json = False,
    as_csv: Csv = False,
    as_html: Html = False,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show a plan: its numbers and every change, field by field; --json, --csv and --html export it."""
    settings = settings_of(context, config)
    export = choose_export(json=as_json, csv=as_csv, html=as_html, output=output)
    with opened_store(settings) as store:
        plan = _found(settings, store, number)
        if export is None:
            print_plan(store, plan, most=None)
            return
        with opened_output(output) as target:
            EXPORTS[export](store, plan.run_id, target)


def apply(
    context: typer.Context,
    number: Number,
    *,
    digest: Digest = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Carry out a plan: write its changes and nothing else.

    Every user and contact is read again: a change whose user or contact is not as it was is left out with a warning.
    A repeat shows the report of the first time."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        plan = _found(settings, store, number)
        if digest is not None and not plan.digest.startswith(digest.lower()):
            raise Refusal(f"the digest of plan {number} is {plan.digest}, not {plain(digest)}")
        code = _carry_out(settings, store, plan, yes=yes, no_wait=no_wait, as_json=as_json)
    raise typer.Exit(code)


def approve(
    context: typer.Context,
    run: RunId,
    *,
    yes: Yes = False,
    no_wait: NoWait = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let a held run's changes through: exactly those that it lists.

    Of a first automatic run this is the approval of its connector, too: from then on it runs by itself. A change whose
    user or contact is not as it was is left to the next run. A repeat shows the report of the first time."""
    settings = settings_of(context, config)
    with opened_store(settings) as store:
        try:
            plan = find_held(requesting_ports(settings, store), run)
        except RequestRefusedError as error:
            raise Refusal(str(error)) from error
        code = _carry_out(settings, store, plan, yes=yes, no_wait=no_wait, as_json=as_json)
    raise typer.Exit(code)


def _found(settings: Settings, store: Store, number: int) -> KeptPlan:
    try:
        return find_plan(requesting_ports(settings, store), number)
    except RequestRefusedError as error:
        kept = f"plans are kept for {settings.service.retention.reports_days} days ([service.retention] reports_days)"
        raise Refusal(str(error), hint=kept) from error


def _carry_out(settings: Settings, store: Store, plan: KeptPlan, *, yes: bool, no_wait: bool, as_json: bool) -> Exit:
    """Show what will be done, ask, ask for the run, wait for it."""
    if is_to_do(plan):
        if not as_json:
            print_plan(store, plan, most=FIRST_LINES)
        _confirm(plan, yes=yes)
    check_workers(settings, store)
    try:
        asked = apply_plan(requesting_ports(settings, store), plan, trigger="cli")
    except RequestRefusedError as error:
        raise Refusal(str(error)) from error
    if not asked.is_new:
        say(f"plan {plan.number} was carried out already, or is just now: by run {asked.run_id}")
    if no_wait:
        print_ids([asked.run_id], as_json=as_json)
        return Exit.SUCCESS
    return _wait(settings, store, plan, asked, as_json=as_json)


def _wait(settings: Settings, store: Store, plan: KeptPlan, asked: Asked, *, as_json: bool) -> Exit:
    run = store.runs.load_run(asked.run_id)
    if run is None:  # it is closed: only its name is wanted
        run = Run(
            run_id=asked.run_id,
            connector_id=plan.connector_id,
            instance=plan.home.rpartition("@")[2],
            lane="bulk",
            trigger="cli",
            request=plan.request,
        )
    return wait_for_runs(settings, store, [run], as_json=as_json)


def _confirm(plan: KeptPlan, *, yes: bool) -> None:
    """Ask, where somebody can answer. Raises Refusal for anything but a yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refusal("nobody can be asked here, so nothing was done", hint="look at the plan, then say --yes")
    if not typer.confirm(f"Write these {plan.lines} changes?", err=True):
        raise Refusal("nothing was done", code=Exit.HELD)
