"""Data to protobuf and back: every dataclass of api.py, work.py and core/commands.py, whole and unchanged.

Two functions for each: `put_x(value, message)` fills a message in place, `get_x(message)` makes the value. In place,
because a message handed to another message's constructor is copied, documents and all.

What a peer sends may be anything: a message that means nothing here raises `BadMessage`, and only that.
What an author made may not fit the protocol (a number beyond 64 bits, a name with half a surrogate pair): `Unsendable`.

Payloads travel as bytes. The codec's text is ASCII; `surrogatepass` makes the conversion total all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableSequence
from typing import ParamSpec, TypeVar, assert_never

from ..core import commands as core
from ..core.queues import QueueLimits, RateLimit
from . import api, work
from .slct.v1 import commands_pb2, deployments_pb2, processes_pb2, queues_pb2, workers_pb2

P = ParamSpec("P")
T = TypeVar("T")


class BadMessage(ValueError):
    """A message from a peer that has no meaning here: made by a newer version, or by mistake."""


class Unsendable(ValueError):
    """A value that the protocol cannot carry."""


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise BadMessage(f"a text is not UTF-8: {error}") from None


def sendable(put: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Call a `put_` function, turning what protobuf refuses into `Unsendable`."""
    try:
        return put(*arguments, **keywords)
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        raise Unsendable(f"a value does not fit the protocol: {error}") from error


# --- orders to a worker ----------------------------------------------------------------------------------------------


def put_order(order: work.ToWorker, into: workers_pb2.ToWorker) -> None:
    match order:
        case work.RunTransition():
            put_run_transition(order, into.run_transition)
        case work.RunEffect():
            put_run_effect(order, into.run_effect)
        case work.CancelEffectRun(dispatch_id):
            into.cancel_effect_run.SetInParent()
            into.cancel_effect_run.dispatch_id = dispatch_id
        case work.ForgetProcess(process_id):
            into.forget_process.SetInParent()
            into.forget_process.process_id = process_id
        case work.NothingMore():
            into.nothing_more.SetInParent()
        case _:
            assert_never(order)


def get_order(message: workers_pb2.ToWorker) -> work.ToWorker:
    match message.WhichOneof("order"):
        case "run_transition":
            return get_run_transition(message.run_transition)
        case "run_effect":
            return get_run_effect(message.run_effect)
        case "cancel_effect_run":
            return work.CancelEffectRun(message.cancel_effect_run.dispatch_id)
        case "forget_process":
            return work.ForgetProcess(message.forget_process.process_id)
        case "nothing_more":
            return work.NothingMore()
        case None:
            raise BadMessage("an order of unknown kind")
        case unreachable:
            assert_never(unreachable)


def put_run_transition(order: work.RunTransition, into: workers_pb2.RunTransition) -> None:
    into.SetInParent()
    into.dispatch_id = order.dispatch_id
    into.process_id = order.process_id
    into.definition = order.definition
    into.version = order.version
    into.seq = order.seq
    if order.document is not None:
        into.document = encode(order.document)
    if order.arguments is not None:
        into.arguments = encode(order.arguments)
    into.goroutine_id = order.goroutine_id
    put_resumption(order.resumption, into.resumption)
    into.now_ms = order.now_ms
    put_labels(order.labels, into.labels)
    for fact in order.channels:
        into.channels.add(channel=fact.channel, length=fact.length, closed=fact.closed)
    into.is_ahead = order.is_ahead
    into.is_moved = order.is_moved
    into.migrations = encode(order.migrations)


def get_run_transition(message: workers_pb2.RunTransition) -> work.RunTransition:
    return work.RunTransition(
        dispatch_id=message.dispatch_id,
        process_id=message.process_id,
        definition=message.definition,
        version=message.version,
        seq=message.seq,
        document=decode(message.document) if message.HasField("document") else None,
        arguments=decode(message.arguments) if message.HasField("arguments") else None,
        goroutine_id=message.goroutine_id,
        resumption=get_resumption(message.resumption),
        now_ms=message.now_ms,
        labels=get_labels(message.labels),
        channels=tuple(work.ChannelFact(fact.channel, fact.length, fact.closed) for fact in message.channels),
        is_ahead=message.is_ahead,
        is_moved=message.is_moved,
        migrations=decode(message.migrations),
    )


def put_run_effect(order: work.RunEffect, into: workers_pb2.RunEffect) -> None:
    into.SetInParent()
    into.dispatch_id = order.dispatch_id
    into.process_id = order.process_id
    into.definition = order.definition
    into.version = order.version
    put_effect_request(order.request, into.request)
    into.attempt = order.attempt
    if order.deadline_ms is not None:
        into.deadline_ms = order.deadline_ms
    if order.progress is not None:
        into.progress = encode(order.progress)
    if order.last_error is not None:
        into.last_error = encode(order.last_error)
    if order.then is not None:
        put_follows(order.then, into.then)


def get_run_effect(message: workers_pb2.RunEffect) -> work.RunEffect:
    return work.RunEffect(
        dispatch_id=message.dispatch_id,
        process_id=message.process_id,
        definition=message.definition,
        version=message.version,
        request=get_effect_request(message.request),
        attempt=message.attempt,
        deadline_ms=message.deadline_ms if message.HasField("deadline_ms") else None,
        progress=decode(message.progress) if message.HasField("progress") else None,
        last_error=decode(message.last_error) if message.HasField("last_error") else None,
        then=get_follows(message.then) if message.HasField("then") else None,
    )


def put_follows(order: work.Follows, into: workers_pb2.Follows) -> None:
    into.SetInParent()
    into.dispatch_id = order.dispatch_id
    into.seq = order.seq
    into.goroutine_id = order.goroutine_id
    into.case_index = order.case_index
    put_labels(order.labels, into.labels)
    for fact in order.channels:
        into.channels.add(channel=fact.channel, length=fact.length, closed=fact.closed)


def get_follows(message: workers_pb2.Follows) -> work.Follows:
    return work.Follows(
        dispatch_id=message.dispatch_id,
        seq=message.seq,
        goroutine_id=message.goroutine_id,
        case_index=message.case_index,
        labels=get_labels(message.labels),
        channels=tuple(work.ChannelFact(fact.channel, fact.length, fact.closed) for fact in message.channels),
    )


# --- words of a worker -----------------------------------------------------------------------------------------------


def put_word(word: work.FromWorker, into: workers_pb2.FromWorker) -> None:
    match word:
        case work.TransitionAnswer():
            put_transition_answer(word, into.transition_answer)
        case work.EffectAnswer():
            put_effect_answer(word, into.effect_answer)
        case work.Register():
            put_register(word, into.register)
        case work.EffectProgress(dispatch_id, progress):
            into.effect_progress.SetInParent()
            into.effect_progress.dispatch_id = dispatch_id
            into.effect_progress.progress = encode(progress)
        case work.EffectReturned(dispatch_id, has_begun):
            into.effect_returned.SetInParent()
            into.effect_returned.dispatch_id = dispatch_id
            into.effect_returned.has_begun = has_begun
        case work.TransitionReturned(dispatch_id, reason):
            into.transition_returned.SetInParent()
            into.transition_returned.dispatch_id = dispatch_id
            into.transition_returned.reason = reason
        case work.Draining():
            into.draining.SetInParent()
        case _:
            assert_never(word)


def get_word(message: workers_pb2.FromWorker) -> work.FromWorker:
    match message.WhichOneof("message"):
        case "transition_answer":
            return get_transition_answer(message.transition_answer)
        case "effect_answer":
            return get_effect_answer(message.effect_answer)
        case "register":
            return get_register(message.register)
        case "effect_progress":
            return work.EffectProgress(message.effect_progress.dispatch_id, decode(message.effect_progress.progress))
        case "effect_returned":
            return work.EffectReturned(message.effect_returned.dispatch_id, message.effect_returned.has_begun)
        case "transition_returned":
            return work.TransitionReturned(message.transition_returned.dispatch_id, message.transition_returned.reason)
        case "draining":
            return work.Draining()
        case None:
            raise BadMessage("a word of unknown kind from a worker")
        case unreachable:
            assert_never(unreachable)


def put_register(word: work.Register, into: workers_pb2.Register) -> None:
    into.SetInParent()
    into.worker_id = word.worker_id
    put_definitions(word.definitions, into.definitions)
    into.transition_credits = word.transition_credits
    into.effect_credits = word.effect_credits
    into.queues.extend(word.queues)
    into.ahead_count_max = word.ahead_count_max


def get_register(message: workers_pb2.Register) -> work.Register:
    return work.Register(
        worker_id=message.worker_id,
        definitions=get_definitions(message.definitions),
        transition_credits=message.transition_credits,
        effect_credits=message.effect_credits,
        queues=tuple(message.queues),
        ahead_count_max=message.ahead_count_max,
    )


def put_transition_answer(word: work.TransitionAnswer, into: workers_pb2.TransitionAnswer) -> None:
    into.SetInParent()
    into.dispatch_id = word.dispatch_id
    put_ending(word.ending, into.ending)
    for command in word.commands:
        put_command(command, into.commands.add())
    if word.document is not None:
        into.document = encode(word.document)
    into.has_seen_channels = word.has_seen_channels


def get_transition_answer(message: workers_pb2.TransitionAnswer) -> work.TransitionAnswer:
    return work.TransitionAnswer(
        dispatch_id=message.dispatch_id,
        ending=get_ending(message.ending),
        commands=tuple(get_command(command) for command in message.commands),
        document=decode(message.document) if message.HasField("document") else None,
        has_seen_channels=message.has_seen_channels,
    )


def put_effect_answer(word: work.EffectAnswer, into: workers_pb2.EffectAnswer) -> None:
    into.SetInParent()
    into.dispatch_id = word.dispatch_id
    if word.result is not None:
        into.result = encode(word.result)
    if word.error is not None:
        into.error = encode(word.error)
    into.error_types.extend(word.error_types)
    into.is_followed = word.is_followed


def get_effect_answer(message: workers_pb2.EffectAnswer) -> work.EffectAnswer:
    return work.EffectAnswer(
        dispatch_id=message.dispatch_id,
        result=decode(message.result) if message.HasField("result") else None,
        error=decode(message.error) if message.HasField("error") else None,
        error_types=tuple(message.error_types),
        is_followed=message.is_followed,
    )


# --- resumptions -----------------------------------------------------------------------------------------------------

_KIND_NUMBERS = {
    kind: commands_pb2.ResumptionKind.Value(f"RESUMPTION_KIND_{kind.name}") for kind in core.ResumptionKind
}
_KINDS = {number: kind for kind, number in _KIND_NUMBERS.items()}


def put_resumption(value: core.Resumption, into: commands_pb2.Resumption) -> None:
    into.kind = _KIND_NUMBERS[value.kind]
    into.case_index = value.case_index
    if value.payload is not None:
        into.payload = encode(value.payload)


def get_resumption(message: commands_pb2.Resumption) -> core.Resumption:
    kind = _KINDS.get(message.kind)
    if kind is None:
        raise BadMessage(f"a resumption of unknown kind {message.kind}")
    payload = decode(message.payload) if message.HasField("payload") else None
    return core.Resumption(kind, message.case_index, payload)


# --- endings ---------------------------------------------------------------------------------------------------------


def put_ending(ending: core.Ending, into: commands_pb2.Ending) -> None:
    match ending:
        case core.Parked(cases):
            into.parked.SetInParent()
            for case_ in cases:
                put_case(case_, into.parked.cases.add())
        case core.Finished(result):
            into.finished.SetInParent()
            if result is not None:
                into.finished.result = encode(result)
        case core.Failed(error, is_process_error, is_held, is_cancellation):
            into.failed.SetInParent()
            into.failed.error = encode(error)
            into.failed.is_process_error = is_process_error
            into.failed.is_held = is_held
            into.failed.is_cancellation = is_cancellation
        case core.Faulted(error):
            into.faulted.SetInParent()
            into.faulted.error = encode(error)
        case _:
            assert_never(ending)


def get_ending(message: commands_pb2.Ending) -> core.Ending:
    match message.WhichOneof("ending"):
        case "parked":
            return core.Parked(tuple(get_case(case_) for case_ in message.parked.cases))
        case "finished":
            finished = message.finished
            return core.Finished(decode(finished.result) if finished.HasField("result") else None)
        case "failed":
            failed = message.failed
            return core.Failed(decode(failed.error), failed.is_process_error, failed.is_held, failed.is_cancellation)
        case "faulted":
            return core.Faulted(decode(message.faulted.error))
        case None:
            raise BadMessage("an ending of unknown kind")
        case unreachable:
            assert_never(unreachable)


# --- cases -----------------------------------------------------------------------------------------------------------


def put_case(case_: core.Case, into: commands_pb2.Case) -> None:
    match case_:
        case core.RecvCase(channel):
            into.recv.SetInParent()
            if channel is not None:
                into.recv.channel = channel
        case core.SendCase(channel, payload):
            into.send.SetInParent()
            if channel is not None:
                into.send.channel = channel
            into.send.payload = encode(payload)
        case core.TimerCase(deadline_ms):
            into.timer.SetInParent()
            into.timer.deadline_ms = deadline_ms
        case core.CallCase(request):
            put_effect_request(request, into.call.request)
        case core.JoinCase(goroutine_id):
            into.join.SetInParent()
            into.join.goroutine_id = goroutine_id
        case core.ResultCase(process_id):
            into.result.SetInParent()
            into.result.process_id = process_id
        case core.DefaultCase():
            into.default_case.SetInParent()
        case _:
            assert_never(case_)


def get_case(message: commands_pb2.Case) -> core.Case:
    match message.WhichOneof("case"):
        case "recv":
            return core.RecvCase(message.recv.channel if message.recv.HasField("channel") else None)
        case "send":
            channel = message.send.channel if message.send.HasField("channel") else None
            return core.SendCase(channel, decode(message.send.payload))
        case "timer":
            return core.TimerCase(message.timer.deadline_ms)
        case "call":
            return core.CallCase(get_effect_request(message.call.request))
        case "join":
            return core.JoinCase(message.join.goroutine_id)
        case "result":
            return core.ResultCase(message.result.process_id)
        case "default_case":
            return core.DefaultCase()
        case None:
            raise BadMessage("a case of unknown kind")
        case unreachable:
            assert_never(unreachable)


def put_effect_request(request: core.EffectRequest, into: commands_pb2.EffectRequest) -> None:
    into.effect_id = request.effect_id
    into.function = request.function
    into.arguments = encode(request.arguments)
    put_retry(request.retry, into.retry)
    if request.timeout_ms is not None:
        into.timeout_ms = request.timeout_ms
    if request.key is not None:
        into.key = request.key
    into.queue = request.queue
    into.at_most_once = request.at_most_once
    into.priority = request.priority
    if request.heartbeat_timeout_ms is not None:
        into.heartbeat_timeout_ms = request.heartbeat_timeout_ms
    if request.schedule_to_close_timeout_ms is not None:
        into.schedule_to_close_timeout_ms = request.schedule_to_close_timeout_ms


def get_effect_request(message: commands_pb2.EffectRequest) -> core.EffectRequest:
    return core.EffectRequest(
        effect_id=message.effect_id,
        function=message.function,
        arguments=decode(message.arguments),
        retry=get_retry(message.retry),
        timeout_ms=message.timeout_ms if message.HasField("timeout_ms") else None,
        key=message.key if message.HasField("key") else None,
        queue=message.queue,
        at_most_once=message.at_most_once,
        priority=message.priority,
        heartbeat_timeout_ms=message.heartbeat_timeout_ms if message.HasField("heartbeat_timeout_ms") else None,
        schedule_to_close_timeout_ms=(
            message.schedule_to_close_timeout_ms if message.HasField("schedule_to_close_timeout_ms") else None
        ),
    )


def put_retry(policy: core.RetryPolicy, into: commands_pb2.RetryPolicy) -> None:
    if policy.max_attempts is not None:
        into.max_attempts = policy.max_attempts
    into.first_delay_ms = policy.first_delay_ms
    into.factor = policy.factor
    into.delay_ms_max = policy.delay_ms_max
    into.jitter = policy.jitter
    into.non_retryable.extend(policy.non_retryable)


def get_retry(message: commands_pb2.RetryPolicy) -> core.RetryPolicy:
    return core.RetryPolicy(
        max_attempts=message.max_attempts if message.HasField("max_attempts") else None,
        first_delay_ms=message.first_delay_ms,
        factor=message.factor,
        delay_ms_max=message.delay_ms_max,
        jitter=message.jitter,
        non_retryable=tuple(message.non_retryable),
    )


# --- commands --------------------------------------------------------------------------------------------------------


def put_command(command: core.Command, into: commands_pb2.Command) -> None:
    match command:
        case core.Go(goroutine_id):
            into.go.SetInParent()
            into.go.goroutine_id = goroutine_id
        case core.MakeChannel(channel, capacity):
            into.make_channel.SetInParent()
            into.make_channel.channel = channel
            into.make_channel.capacity = capacity
        case core.Close(channel):
            into.close.SetInParent()
            into.close.channel = channel
        case core.CancelGoroutine(goroutine_id):
            into.cancel_goroutine.SetInParent()
            into.cancel_goroutine.goroutine_id = goroutine_id
        case core.Interrupt(goroutine_id):
            into.interrupt.SetInParent()
            into.interrupt.goroutine_id = goroutine_id
        case core.StartProcess(process_id, definition, arguments):
            into.start_process.SetInParent()
            into.start_process.process_id = process_id
            into.start_process.definition = definition
            into.start_process.arguments = encode(arguments)
        case core.SendTo(process_id, channel, payload):
            into.send_to.SetInParent()
            into.send_to.process_id = process_id
            into.send_to.channel = channel
            into.send_to.payload = encode(payload)
        case core.CancelProcess(process_id):
            into.cancel_process.SetInParent()
            into.cancel_process.process_id = process_id
        case core.Attach(process_id):
            into.attach.SetInParent()
            into.attach.process_id = process_id
        case core.Emit(payload):
            into.emit.SetInParent()
            into.emit.payload = encode(payload)
        case core.Reply(request_id, payload):
            into.reply.SetInParent()
            into.reply.request_id = request_id
            into.reply.payload = encode(payload)
        case core.SetLabels(labels):
            into.set_labels.SetInParent()
            put_labels(labels, into.set_labels.labels)
        case _:
            assert_never(command)


def get_command(message: commands_pb2.Command) -> core.Command:
    match message.WhichOneof("command"):
        case "go":
            return core.Go(message.go.goroutine_id)
        case "make_channel":
            return core.MakeChannel(message.make_channel.channel, message.make_channel.capacity)
        case "close":
            return core.Close(message.close.channel)
        case "cancel_goroutine":
            return core.CancelGoroutine(message.cancel_goroutine.goroutine_id)
        case "interrupt":
            return core.Interrupt(message.interrupt.goroutine_id)
        case "start_process":
            start = message.start_process
            return core.StartProcess(start.process_id, start.definition, decode(start.arguments))
        case "send_to":
            send = message.send_to
            return core.SendTo(send.process_id, send.channel, decode(send.payload))
        case "cancel_process":
            return core.CancelProcess(message.cancel_process.process_id)
        case "attach":
            return core.Attach(message.attach.process_id)
        case "emit":
            return core.Emit(decode(message.emit.payload))
        case "reply":
            return core.Reply(message.reply.request_id, decode(message.reply.payload))
        case "set_labels":
            return core.SetLabels(get_labels(message.set_labels.labels))
        case None:
            raise BadMessage("a command of unknown kind")
        case unreachable:
            assert_never(unreachable)


# --- labels, variables, definitions ----------------------------------------------------------------------------------


def put_labels(labels: Iterable[tuple[str, str]], into: MutableSequence[commands_pb2.Label]) -> None:
    for name, value in labels:
        into.append(commands_pb2.Label(name=name, value=value))


def get_labels(messages: Iterable[commands_pb2.Label]) -> tuple[tuple[str, str], ...]:
    return tuple((label.name, label.value) for label in messages)


def put_variables(values: Mapping[str, str], into: MutableSequence[processes_pb2.Variable]) -> None:
    for name, text in values.items():
        into.append(processes_pb2.Variable(name=name, text=text))


def get_variables(messages: Iterable[processes_pb2.Variable]) -> dict[str, str]:
    return {variable.name: variable.text for variable in messages}


def put_definitions(
    records: Iterable[work.DefinitionRecord], into: MutableSequence[deployments_pb2.DefinitionRecord]
) -> None:
    for record in records:
        manifest = encode(record.manifest)
        into.append(deployments_pb2.DefinitionRecord(name=record.name, version=record.version, manifest=manifest))


def get_definitions(messages: Iterable[deployments_pb2.DefinitionRecord]) -> tuple[work.DefinitionRecord, ...]:
    return tuple(work.DefinitionRecord(m.name, m.version, decode(m.manifest)) for m in messages)


def put_deploy(
    records: Iterable[work.DefinitionRecord], policy: api.MovePolicy, into: deployments_pb2.DeployRequest
) -> None:
    put_definitions(records, into.definitions)
    into.policy = policy


def put_check(records: Iterable[work.DefinitionRecord], into: deployments_pb2.CheckRequest) -> None:
    put_definitions(records, into.definitions)


def get_policy(word: str) -> api.MovePolicy:
    """Of a request; what older clients leave out is AUTO."""
    try:
        return api.MovePolicy(word or api.MovePolicy.AUTO)
    except ValueError:
        raise BadMessage(f"there is no policy {word!r}: {', '.join(api.MovePolicy)}") from None


def put_version(info: api.VersionInfo, into: deployments_pb2.VersionInfo) -> None:
    into.definition = info.definition
    into.version = info.version
    into.policy = info.policy
    into.deployed_ms = info.deployed_ms
    into.is_newest = info.is_newest
    into.worker_count = info.worker_count
    for status, count in info.status_counts.items():
        into.status_counts.add(status=status, count=count)


def get_version(message: deployments_pb2.VersionInfo) -> api.VersionInfo:
    return api.VersionInfo(
        definition=message.definition,
        version=message.version,
        policy=get_policy(message.policy),
        deployed_ms=message.deployed_ms,
        is_newest=message.is_newest,
        worker_count=message.worker_count,
        status_counts={each.status: each.count for each in message.status_counts},
    )


def put_parked(count: api.ParkedCount, into: deployments_pb2.ParkedCount) -> None:
    into.SetInParent()
    into.function = count.function
    into.state = count.state
    into.process_count = count.process_count


def get_parked(message: deployments_pb2.ParkedCount) -> api.ParkedCount:
    return api.ParkedCount(message.function, message.state, message.process_count)


def put_takeover(info: api.TakeoverInfo, into: deployments_pb2.TakeoverInfo) -> None:
    into.definition = info.definition
    into.from_version = info.from_version
    into.to_version = info.to_version
    into.process_count = info.process_count
    into.movable_count = info.movable_count
    into.worker_count = info.worker_count
    for place in info.held:
        put_held_place(place, into.held.add())


def get_takeover(message: deployments_pb2.TakeoverInfo) -> api.TakeoverInfo:
    return api.TakeoverInfo(
        definition=message.definition,
        from_version=message.from_version,
        to_version=message.to_version,
        process_count=message.process_count,
        movable_count=message.movable_count,
        worker_count=message.worker_count,
        held=tuple(get_held_place(place) for place in message.held),
    )


def put_held_place(place: api.HeldPlace, into: deployments_pb2.HeldPlace) -> None:
    into.SetInParent()
    into.function = place.function
    into.state = place.state
    into.place = place.place
    into.statement = place.statement
    into.process_count = place.process_count
    for reason in place.reasons:
        into.reasons.add(text=reason.text, help=reason.help, is_stuck=reason.is_stuck)


def get_held_place(message: deployments_pb2.HeldPlace) -> api.HeldPlace:
    return api.HeldPlace(
        function=message.function,
        state=message.state,
        place=message.place,
        statement=message.statement,
        process_count=message.process_count,
        reasons=tuple(api.HeldReason(each.text, each.help, each.is_stuck) for each in message.reasons),
    )


# --- queues ----------------------------------------------------------------------------------------------------------


def put_queue_limits(limits: QueueLimits, into: queues_pb2.QueueLimits) -> None:
    into.SetInParent()
    into.name = limits.name
    if limits.concurrency is not None:
        into.concurrency = limits.concurrency
    if limits.worker_concurrency is not None:
        into.worker_concurrency = limits.worker_concurrency
    if limits.rate is not None:
        put_rate_limit(limits.rate, into.rate)
    if limits.worker_rate is not None:
        put_rate_limit(limits.worker_rate, into.worker_rate)


def get_queue_limits(message: queues_pb2.QueueLimits) -> QueueLimits:
    return QueueLimits(
        name=message.name,
        concurrency=message.concurrency if message.HasField("concurrency") else None,
        worker_concurrency=message.worker_concurrency if message.HasField("worker_concurrency") else None,
        rate=get_rate_limit(message.rate) if message.HasField("rate") else None,
        worker_rate=get_rate_limit(message.worker_rate) if message.HasField("worker_rate") else None,
    )


def put_rate_limit(rate: RateLimit, into: queues_pb2.RateLimit) -> None:
    into.SetInParent()
    into.count = rate.count
    into.per_ms = rate.per_ms


def get_rate_limit(message: queues_pb2.RateLimit) -> RateLimit:
    return RateLimit(message.count, message.per_ms)


def put_queue_info(info: api.QueueInfo, into: queues_pb2.QueueInfo) -> None:
    put_queue_limits(info.limits, into.limits)
    into.waiting_count = info.waiting_count
    into.running_count = info.running_count
    into.worker_count = info.worker_count


def get_queue_info(message: queues_pb2.QueueInfo) -> api.QueueInfo:
    return api.QueueInfo(
        limits=get_queue_limits(message.limits),
        waiting_count=message.waiting_count,
        running_count=message.running_count,
        worker_count=message.worker_count,
    )


# --- requests of a client --------------------------------------------------------------------------------------------


def put_start(request: api.StartRequest, into: processes_pb2.StartRequest) -> None:
    into.definition = request.definition
    into.arguments = encode(request.arguments)
    if request.process_id is not None:
        into.process_id = request.process_id
    if request.version is not None:
        into.version = request.version
    put_labels(request.labels.items(), into.labels)


def get_start(message: processes_pb2.StartRequest) -> api.StartRequest:
    return api.StartRequest(
        definition=message.definition,
        arguments=decode(message.arguments),
        process_id=message.process_id if message.HasField("process_id") else None,
        version=message.version if message.HasField("version") else None,
        labels=dict(get_labels(message.labels)),
    )


def put_started(value: api.Started, into: processes_pb2.StartResponse) -> None:
    into.process_id = value.process_id
    into.created = value.created


def get_started(message: processes_pb2.StartResponse) -> api.Started:
    return api.Started(message.process_id, message.created)


def put_edit(request: api.EditRequest, into: processes_pb2.EditRequest) -> None:
    into.process_id = request.process_id
    put_variables(request.fields, into.fields)
    put_variables(request.locals, into.locals)
    into.who = request.who
    into.why = request.why


def get_edit(message: processes_pb2.EditRequest) -> api.EditRequest:
    return api.EditRequest(
        message.process_id, get_variables(message.fields), get_variables(message.locals), message.who, message.why
    )


def put_fork(request: api.ForkRequest, into: processes_pb2.ForkRequest) -> None:
    into.process_id = request.process_id
    into.seq = request.seq
    if request.new_id is not None:
        into.new_id = request.new_id
    into.who = request.who
    into.why = request.why


def get_fork(message: processes_pb2.ForkRequest) -> api.ForkRequest:
    new_id = message.new_id if message.HasField("new_id") else None
    return api.ForkRequest(message.process_id, message.seq, new_id, message.who, message.why)


def put_ask(request: api.AskRequest, into: processes_pb2.AskRequest) -> None:
    into.process_id = request.process_id
    into.channel = request.channel
    into.payload = encode(request.payload)
    into.key = request.key
    if request.timeout_ms is not None:
        into.timeout_ms = request.timeout_ms


def get_ask(message: processes_pb2.AskRequest) -> api.AskRequest:
    return api.AskRequest(
        process_id=message.process_id,
        channel=message.channel,
        payload=decode(message.payload),
        key=message.key,
        timeout_ms=message.timeout_ms if message.HasField("timeout_ms") else None,
    )


def put_send(request: api.SendRequest, into: processes_pb2.SendRequest) -> None:
    into.process_id = request.process_id
    into.channel = request.channel
    into.payload = encode(request.payload)
    if request.key is not None:
        into.key = request.key
    into.wait = request.wait


def get_send(message: processes_pb2.SendRequest) -> api.SendRequest:
    return api.SendRequest(
        process_id=message.process_id,
        channel=message.channel,
        payload=decode(message.payload),
        key=message.key if message.HasField("key") else None,
        wait=message.wait,
    )


def put_history_entry(entry: api.HistoryEntry, into: processes_pb2.HistoryEntry) -> None:
    into.seq = entry.seq
    into.at_ms = entry.at_ms
    into.event = entry.event
    into.goroutine_id = entry.goroutine_id
    into.woken_by = entry.woken_by
    into.value = entry.value
    into.function = entry.function
    into.from_state = entry.from_state
    into.to_state = entry.to_state
    into.place = entry.place
    into.ending = entry.ending
    into.status = entry.status
    into.error = entry.error
    into.ran_ms = entry.ran_ms
    into.moved_to = entry.moved_to
    into.asks.extend(entry.asks)
    into.does.extend(entry.does)
    if entry.waited_ms is not None:
        into.waited_ms = entry.waited_ms


def get_history_entry(message: processes_pb2.HistoryEntry) -> api.HistoryEntry:
    return api.HistoryEntry(
        seq=message.seq,
        at_ms=message.at_ms,
        event=message.event,
        goroutine_id=message.goroutine_id,
        woken_by=message.woken_by,
        value=message.value,
        function=message.function,
        from_state=message.from_state,
        to_state=message.to_state,
        place=message.place,
        ending=message.ending,
        status=message.status,
        error=message.error,
        ran_ms=message.ran_ms,
        moved_to=message.moved_to,
        asks=tuple(message.asks),
        does=tuple(message.does),
        waited_ms=message.waited_ms if message.HasField("waited_ms") else None,
    )


def put_list(request: api.ListRequest, into: processes_pb2.ListRequest) -> None:
    if request.definition is not None:
        into.definition = request.definition
    if request.status is not None:
        into.status = request.status
    if request.version is not None:
        into.version = request.version
    put_labels(request.labels.items(), into.labels)
    into.after_process_id = request.after_process_id
    into.limit = request.limit


def get_list(message: processes_pb2.ListRequest) -> api.ListRequest:
    return api.ListRequest(
        definition=message.definition if message.HasField("definition") else None,
        status=message.status if message.HasField("status") else None,
        version=message.version if message.HasField("version") else None,
        labels=dict(get_labels(message.labels)),
        after_process_id=message.after_process_id,
        limit=message.limit,
    )


# --- answers to a client ---------------------------------------------------------------------------------------------


def put_info(info: api.ProcessInfo, into: processes_pb2.ProcessInfo) -> None:
    into.process_id = info.process_id
    into.definition = info.definition
    into.version = info.version
    into.status = info.status
    into.seq = info.seq
    into.created_ms = info.created_ms
    into.updated_ms = info.updated_ms
    if info.due_ms is not None:
        into.due_ms = info.due_ms
    put_labels(info.labels.items(), into.labels)


def get_info(message: processes_pb2.ProcessInfo) -> api.ProcessInfo:
    return api.ProcessInfo(
        process_id=message.process_id,
        definition=message.definition,
        version=message.version,
        status=message.status,
        seq=message.seq,
        created_ms=message.created_ms,
        updated_ms=message.updated_ms,
        due_ms=message.due_ms if message.HasField("due_ms") else None,
        labels=dict(get_labels(message.labels)),
    )


def put_frame(frame: api.FrameInfo, into: processes_pb2.FrameInfo) -> None:
    into.function = frame.function
    into.state = frame.state
    into.place = frame.place
    put_variables(frame.locals, into.locals)


def get_frame(message: processes_pb2.FrameInfo) -> api.FrameInfo:
    return api.FrameInfo(message.function, message.state, message.place, get_variables(message.locals))


def put_goroutine(goroutine: api.GoroutineInfo, into: processes_pb2.GoroutineInfo) -> None:
    into.goroutine_id = goroutine.goroutine_id
    into.status = goroutine.status
    into.waits_for.extend(goroutine.waits_for)
    for frame in goroutine.frames:
        put_frame(frame, into.frames.add())


def get_goroutine(message: processes_pb2.GoroutineInfo) -> api.GoroutineInfo:
    return api.GoroutineInfo(
        goroutine_id=message.goroutine_id,
        status=message.status,
        waits_for=tuple(message.waits_for),
        frames=tuple(get_frame(frame) for frame in message.frames),
    )


def put_effect_info(effect: api.EffectInfo, into: processes_pb2.EffectInfo) -> None:
    into.effect_id = effect.effect_id
    into.function = effect.function
    into.attempt = effect.attempt
    into.due_ms = effect.due_ms
    into.last_error = effect.last_error
    into.progress = effect.progress
    into.queue = effect.queue


def get_effect_info(message: processes_pb2.EffectInfo) -> api.EffectInfo:
    return api.EffectInfo(
        effect_id=message.effect_id,
        function=message.function,
        attempt=message.attempt,
        due_ms=message.due_ms,
        last_error=message.last_error,
        progress=message.progress,
        queue=message.queue,
    )


def put_description(description: api.ProcessDescription, into: processes_pb2.DescribeResponse) -> None:
    put_info(description.info, into.info)
    put_variables(description.fields, into.fields)
    for goroutine in description.goroutines:
        put_goroutine(goroutine, into.goroutines.add())
    for c in description.channels:
        into.channels.add(name=c.name, capacity=c.capacity, length=c.length, closed=c.closed)
    for e in description.effects:
        put_effect_info(e, into.effects.add())
    if description.result is not None:
        into.result = encode(description.result)
    into.error = description.error
    into.unreceived_count = description.unreceived_count
    into.worker_count = description.worker_count
    if description.forked_from is not None:
        into.forked_from.process_id, into.forked_from.seq = description.forked_from


def get_description(message: processes_pb2.DescribeResponse) -> api.ProcessDescription:
    return api.ProcessDescription(
        info=get_info(message.info),
        fields=get_variables(message.fields),
        goroutines=tuple(get_goroutine(goroutine) for goroutine in message.goroutines),
        channels=tuple(api.ChannelInfo(c.name, c.capacity, c.length, c.closed) for c in message.channels),
        effects=tuple(get_effect_info(effect) for effect in message.effects),
        result=decode(message.result) if message.HasField("result") else None,
        error=message.error,
        unreceived_count=message.unreceived_count,
        worker_count=message.worker_count,
        forked_from=(message.forked_from.process_id, message.forked_from.seq)
        if message.HasField("forked_from")
        else None,
    )


def put_outcome(outcome: api.ProcessOutcome, into: processes_pb2.ResultResponse) -> None:
    into.status = outcome.status
    if outcome.result is not None:
        into.result = encode(outcome.result)
    if outcome.error is not None:
        into.error = encode(outcome.error)


def get_outcome(message: processes_pb2.ResultResponse) -> api.ProcessOutcome:
    return api.ProcessOutcome(
        status=message.status,
        result=decode(message.result) if message.HasField("result") else None,
        error=decode(message.error) if message.HasField("error") else None,
    )


def put_watch_event(event: api.WatchEvent, into: processes_pb2.WatchResponse) -> None:
    into.kind = event.kind
    into.seq = event.seq
    into.at_ms = event.at_ms
    into.status = event.status
    into.offset = event.offset
    if event.payload is not None:
        into.payload = encode(event.payload)
    into.text = event.text


def get_watch_event(message: processes_pb2.WatchResponse) -> api.WatchEvent:
    return api.WatchEvent(
        kind=message.kind,
        seq=message.seq,
        at_ms=message.at_ms,
        status=message.status,
        offset=message.offset,
        payload=decode(message.payload) if message.HasField("payload") else None,
        text=message.text,
    )
