"""The rulebook: reading the one in force, previewing another, and publishing it."""

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
from laurels.domain.ledger.entries import Notify
from laurels.domain.periods import iso
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import InvalidInput, RulebookError
from laurels.http.auth.access import ADMINS, caller_of
from laurels.http.wire.bodies import media_type, read_body
from laurels.http.wire.json_bodies import OtherBody
from laurels.http.wire.parameter_combinations import what_is_awarded

# Excludes the types that another site's page may send without a preflight: the browser's simple requests.
TOML_TYPES = frozenset({"application/toml"})
MOST_BYTES = 2 * 1024 * 1024
_SHOWN = 20
# Seconds between the blanks before a slow answer: without them a proxy takes the server for dead.
_SIGN_OF_LIFE = 5.0


class RulebookVersion(msgspec.Struct, frozen=True, rename="camel"):
    """A version of the rulebook: when it was published, and by whom, if known."""

    version: int
    name: str
    published_at: str
    published_by: str | None


class JobView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Work that follows a publication, and its progress: learners and events examined, learners whose points were
    counted again if `repoint` asks for it, awards by badge."""

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
    """The rulebook in force, the versions before it, and the last jobs; `version` is 0 before the first publication."""

    version: int
    rulebook: RulebookData
    versions: list[RulebookVersion]
    jobs: list[JobView]


class Publication(Document, frozen=True, kw_only=True):
    """The version in force after a publication, and the job that follows it, if one was requested."""

    rulebook: RulebookVersion
    job: JobView | None


class JobState(Document, frozen=True, kw_only=True):
    """A job in its last saved state."""

    job: JobView


@get("/api/rulebook", access=ADMINS, summary="The rulebook in force", tags=["rulebook"])
async def published_rulebook(service: NamedDependency[Service]) -> RulebookInForce:
    """The rulebook that this process uses, the last versions, the newest first, and the last jobs."""
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
    two seconds and without a restart. If it is already in force, nothing changes (200), but `backfill` or `repoint`
    still creates a job."""
    rulebook = await _read(request, publications)
    before = service.rules.version
    published, job = await publications.publish(
        rulebook, by=caller_of(request.scope).name, backfill=backfill, notify=notify, repoint=repoint
    )
    # The caller sees it at once if this process answers.
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
    """The effect of the rulebook in the body (TOML) with a backfill: for each badge how many learners hold it and how
    many would earn it, with samples and months. Reads the whole ledger and writes nothing; one preview at a time."""
    rulebook = await _read(request, publications)
    return Stream(_written(publications, rulebook, repoint=repoint), headers={"Content-Type": "application/json"})  # pyright: ignore[reportReturnType]  described as what is streamed


@get("/api/rulebook/jobs/{job_id:str}", access=ADMINS, summary="A job", tags=["rulebook"])
async def rulebook_job(
    publications: NamedDependency[Publications],
    job_id: Annotated[str, PathParameter(description="The job's id, as the publication gave it.")],
) -> JobState:
    """The progress of the work that follows a publication."""
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
