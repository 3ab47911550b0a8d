"""The rulebook in force: what it says, what another one would bring, and putting that one in its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from laurels.application.maintenance.backfill import Preview
from laurels.application.maintenance.publishing import Publications
from laurels.application.ports.jobs import Job
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.queries.views import Document
from laurels.application.service import Service
from laurels.domain.ledger import Notify
from laurels.domain.periods import iso
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import InvalidInput, RulebookError
from laurels.http.auth.access import ADMINS, caller_of
from laurels.http.wire.bodies import media_type, read_body
from laurels.http.wire.json_bodies import OtherBody
from laurels.http.wire.parameter_combinations import what_is_awarded

# No type that a page of another site may send without being asked: see the browser's rules for simple requests.
TOML_TYPES = frozenset({"application/toml"})
MOST_BYTES = 2 * 1024 * 1024
_SHOWN = 20
# Seconds between the blanks before an answer that takes long: without them a proxy takes the server for dead.
_SIGN_OF_LIFE = 5.0


class RulebookVersion(msgspec.Struct, frozen=True, rename="camel"):
    """A version of the rulebook: when it was put in force, and by whom, where that is known."""

    version: int
    name: str
    published_at: str
    published_by: str | None


class JobView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Work that follows a publication, and how far it has come: learners and events looked at, learners whose points
    were counted anew where `repoint` asks for it, awards by badge."""

    job_id: str
    version: int
    state: str
    notify: Notify
    created_at: str
    created_by: str | None
    started_at: str | None
    finished_at: str | None
    learners: int
    events: int
    repoint: bool
    repointed: int
    awards: dict[str, int]
    error: str | None


class RulebookInForce(Document, frozen=True, kw_only=True):
    """The rulebook that the store runs, the versions before it, and the last jobs; `version` is 0 before the first
    publication."""

    version: int
    rulebook: RulebookData
    versions: list[RulebookVersion]
    jobs: list[JobView]


class Publication(Document, frozen=True, kw_only=True):
    """The version in force after a publication, and the job that follows it, if one was asked for."""

    rulebook: RulebookVersion
    job: JobView | None


class JobState(Document, frozen=True, kw_only=True):
    """A job as it was saved last."""

    job: JobView


@get("/api/rulebook", access=ADMINS, summary="The rulebook in force", tags=["rulebook"])
async def published_rulebook(service: NamedDependency[Service]) -> RulebookInForce:
    """What this process goes by, the last versions, the newest first, and the last jobs."""
    versions = await service.store.rulebook.versions(limit=_SHOWN)
    jobs = await service.store.jobs.last(limit=_SHOWN)
    return RulebookInForce(
        version=service.rules.version,
        rulebook=service.rulebook.data,
        versions=[_version(each) for each in versions],
        jobs=[_view(job) for job in jobs],
    )


RULEBOOK = OtherBody(InvalidInput, lambda request: _read(request, request.app.state.running.publications))


@post(
    "/api/rulebook",
    access=ADMINS,
    together=(what_is_awarded,),
    body=RULEBOOK,
    summary="Publish a rulebook",
    tags=["rulebook"],
)
async def publish_rulebook(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    publications: NamedDependency[Publications],
    backfill: Annotated[
        bool, QueryParameter(description="Award the badges that learners meet already, as of the event that met them.")
    ] = False,
    repoint: Annotated[
        bool, QueryParameter(description="Count the points of the past anew, too, and then award what is met.")
    ] = False,
    notify: Annotated[Notify, QueryParameter(description="What webhooks and streams tell of these awards.")] = "none",
) -> Response[Publication]:
    """Puts the rulebook of the body (TOML, `Content-Type: application/toml`) in force for every process, within about
    two seconds and without a restart. One that is in force already stays as it is (200); `backfill` or `repoint` makes
    a job all the same."""
    rulebook = await _read(request, publications)
    before = service.rules.version
    published, job = await publications.publish(
        rulebook, by=caller_of(request.scope).name, backfill=backfill, notify=notify, repoint=repoint
    )
    # Who asked sees it at once, where this process answers.
    await service.rules.look()
    answer = Publication(rulebook=_version(published), job=None if job is None else _view(job))
    return Response(answer, status_code=201 if published.version != before or job is not None else 200)


@post(
    "/api/rulebook/preview",
    access=ADMINS,
    body=RULEBOOK,
    status_code=200,
    summary="Preview a rulebook",
    tags=["rulebook"],
)
async def preview_rulebook(
    request: Request[Any, Any, Any],
    publications: NamedDependency[Publications],
    repoint: Annotated[bool, QueryParameter(description="As if points were counted anew, too.")] = False,
) -> Preview:
    """What the rulebook of the body (TOML) would bring with a backfill: by badge how many hold it and would earn it,
    with samples and months. Reads the whole ledger and writes nothing; one preview at a time."""
    rulebook = await _read(request, publications)
    return Stream(_written(publications, rulebook, repoint=repoint), headers={"Content-Type": "application/json"})  # pyright: ignore[reportReturnType]  described as what is streamed


@get("/api/rulebook/jobs/{job_id:str}", access=ADMINS, summary="A job", tags=["rulebook"])
async def rulebook_job(
    publications: NamedDependency[Publications],
    job_id: Annotated[str, PathParameter(description="The job's id, as the publication gave it.")],
) -> JobState:
    """How far the work that follows a publication has come."""
    return JobState(job=_view(await publications.job(job_id)))


ROUTES = (published_rulebook, publish_rulebook, preview_rulebook, rulebook_job)


async def _read(request: Request[Any, Any, Any], publications: Publications) -> Rulebook:
    media_type(request.scope, TOML_TYPES)
    body = await read_body(request.scope, request.receive, MOST_BYTES)
    try:
        return await publications.read(body.decode())
    except UnicodeDecodeError:
        raise InvalidInput("body", "Must be UTF-8 text.") from None
    except RulebookError as error:
        first, *others = (_fault(each) for each in (error, *error.others))
        raise InvalidInput(*first, *others) from None


def _fault(error: RulebookError) -> tuple[str, str]:
    return error.key or "body", f"Line {error.line}: {error.detail}"


async def _written(publications: Publications, rulebook: Rulebook, *, repoint: bool) -> AsyncIterator[bytes]:
    made = asyncio.create_task(publications.preview(rulebook, repoint=repoint), name="laurels-preview")
    try:
        while not (await asyncio.wait({made}, timeout=_SIGN_OF_LIFE))[0]:
            yield b" "
        yield msgspec.json.encode(made.result())
    finally:
        made.cancel()


def _version(published: PublishedRulebook) -> RulebookVersion:
    return RulebookVersion(published.version, published.name, iso(published.published_at), published.published_by)


def _view(job: Job) -> JobView:
    return JobView(
        job_id=job.id,
        version=job.version,
        state=job.state,
        notify=job.notify,
        created_at=iso(job.created_at),
        created_by=job.created_by,
        started_at=None if job.started_at is None else iso(job.started_at),
        finished_at=None if job.finished_at is None else iso(job.finished_at),
        learners=job.learners,
        events=job.events,
        repoint=job.repoint,
        repointed=job.repointed,
        awards=job.awards,
        error=job.error,
    )
