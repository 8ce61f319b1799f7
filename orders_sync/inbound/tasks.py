"""The tasks of the way in: arguments in, one use-case, done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, cast

from celery import shared_task

from orders_sync.domain.steps import Step
from orders_sync.inbound import steps
from orders_sync.inbound.feed import Polled, PollLimits, acknowledge, is_any_left, poll
from orders_sync.ledger.accounts import Chore
from orders_sync.traffic.waits import Lane
from orders_sync.worker.chores import ChoreTask, Ran, TickTask
from orders_sync.worker.schedule import QUICK
from orders_sync.worker.step_task import StepTask

_POLL_SECONDS: Final = 5.0

#: Ticks come a little early or late: what is due this share of a tick later is taken by this one.
_AHEAD: Final = 0.25


@shared_task(name="feed.tick", base=TickTask, bind=True, send_events=False)
def tick_feeds(self: TickTask) -> None:
    """Run the polls, pulls and acknowledgements that are due."""
    self.tick(QUICK, timedelta(seconds=self.services.settings.poll_seconds * _AHEAD))


@shared_task(name=Chore.POLL.value, base=ChoreTask, bind=True)
def poll_feed(
    self: ChoreTask, account: str | None = None, turns: Mapping[str, int] | None = None
) -> None:
    """Read the accounts' feeds and dispatch what they ask for."""
    services, settings = self.services, self.services.settings
    names = list(turns or [account or ""])
    in_flight = services.ledger.events.in_flight_by_account(names)
    hooks = services.ledger.hook_log.read(names)
    services.look_at_erps(names)

    def work(account: str) -> Ran:
        polled = poll(
            account,
            feed=services.vtex(account, Lane.FEED),
            ledger=services.ledger,
            clock=services.clock,
            dispatch=self.app.dispatch_all,
            restore_feed=lambda: services.ledger.accounts.wake(
                account, Chore.WATCH_FEED, services.clock()
            ),
            erp_rests=lambda: services.erp_rests(account),
            in_flight=in_flight.get(account, 0),
            limits=PollLimits(
                _POLL_SECONDS,
                settings.max_in_flight,
                timedelta(seconds=settings.acknowledge_seconds),
                timedelta(seconds=settings.feed.visibility_seconds),
            ),
            tracing=services.tracing,
        )
        hook, now = hooks.get(account), services.clock()
        if hook and polled.told:
            services.ledger.hook_log.note_feed(account, now)
        return after_poll(polled, is_hook_heard=hook is not None and hook.is_heard(now))

    self.run_chore(account, turns, work)


def after_poll(polled: Polled, *, is_hook_heard: bool) -> Ran:
    """Return when the feed is polled again: a hook that is heard brings events sooner."""
    is_new = polled.new > 0
    return Ran(
        is_new,
        succeeded=polled.was_read,
        goes_on=is_new and polled.is_cut_short,
        may_rest=is_hook_heard and not polled.is_cut_short,
    )


@shared_task(name=Chore.ACKNOWLEDGE.value, base=ChoreTask, bind=True, send_events=False)
def acknowledge_feed(
    self: ChoreTask, account: str | None = None, turns: Mapping[str, int] | None = None
) -> None:
    """Acknowledge the accounts' events that may go, until none is left."""
    services, settings = self.services, self.services.settings
    visibility_seconds = settings.feed.visibility_seconds

    def work(account: str) -> Ran:
        acknowledged = acknowledge(
            account,
            feed=services.vtex(account, Lane.FEED),
            ledger=services.ledger,
            clock=services.clock,
            visibility_seconds=visibility_seconds,
            at_once=settings.acknowledge == "recorded",
            tracing=services.tracing,
        )
        is_over = not is_any_left(
            account,
            ledger=services.ledger,
            clock=services.clock,
            visibility_seconds=visibility_seconds,
        )
        return Ran(worked=acknowledged > 0, is_over=is_over)

    self.run_chore(account, turns, work)


def _run(step: Step) -> StepTask:
    """Return the task that runs a step of orders."""

    @shared_task(name=step.value, base=StepTask, bind=True)
    def run(self: StepTask, account: str, order_id: str) -> None:
        self.run_step(account, order_id, steps.STEPS)

    return cast("StepTask", run)


STEP_TASKS: Final = tuple(map(_run, steps.STEPS))
