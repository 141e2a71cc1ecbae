"""``exnorm report``: write one page on what is in a folder of logs and what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from importlib import metadata
from typing import Any

import click

from exnorm.cli import NEXT_HOP, OK, UNPARSED, USAGE, say
from exnorm.cli.click_types import FILE
from exnorm.cli.inputs import STDIN, Input, InputError, expand, explain_refusal, read_blocks
from exnorm.cli.options import load_settings, read_layers, setting_flags
from exnorm.cli.pages import check_page, leave_out, write_page
from exnorm.cli.progress import progress, wants_bar
from exnorm.cli.workers import Workers
from exnorm.errors import NormalizerError
from exnorm.report.findings import Finding, many
from exnorm.report.page import GENERATOR, check_libraries, render
from exnorm.report.survey import EXAMINED, Survey, Surveyor
from exnorm.report.views import About, Known
from exnorm.settings import NAMES, Settings

DEFAULT_OUTPUT = "report.html"
TAXONOMIES = ("arcsight", "jsa")


@click.command("report")
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB|-]...", type=FILE)
@setting_flags
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=FILE,
    default=DEFAULT_OUTPUT,
    show_default=True,
    help="The file of the page; - for standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is not a report.")
@click.option("--title", "heading", metavar="TEXT", default="", help="The heading of the page.")
@click.option("--show-values", is_flag=True, help="Show subjects, names and addresses instead of masks.")
@click.option(
    "--sample",
    "samples",
    type=click.IntRange(0, 20),
    default=2,
    show_default=True,
    help="The number of rows of each log type to show column by column.",
)
@click.option(
    "--examine",
    "examined",
    type=click.IntRange(0),
    default=EXAMINED,
    show_default=True,
    help="The number of rows of each event whose fields are examined, then one in 16; 0: every row.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 256),
    default=1,
    help="The number of files to read at the same time.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def command(
    paths: tuple[str, ...],
    output: str,
    force: bool,
    heading: str,
    show_values: bool,
    samples: int,
    examined: int,
    jobs: int,
    quiet: bool,
    **given: Any,
) -> int:
    """Write one page on what is in your logs, and what is wrong with them.

    The page is a single HTML file: files, servers, types and versions, gaps in time, events and what a
    profile keeps, lines that did not parse, unknown columns and events, where fields come from for ArcSight
    and JSA (or for --taxonomy alone), and sample rows. Subjects, names and addresses are masked unless
    --show-values is given. Needs pip install 'exnorm[report]'.
    """
    settings, taxonomies = _choose(given)
    draw = check_libraries()
    inputs = _expand(paths, output, force)
    plan = SurveyPlan(settings, taxonomies, samples, examined, int(time.time() * 1000))
    has_bar = wants_bar(inputs, output, quiet)
    with progress(inputs, has_bar) as advance:
        if jobs > 1 and len(inputs) > 1 and all(item.name != STDIN for item in inputs):
            survey = _survey_parallel(plan, inputs, jobs, advance)
        else:
            survey = plan.survey(inputs, advance)
    surveyor = plan.surveyor()
    about = About(
        heading, paths or (STDIN,), plan.now, metadata.version("exnorm"), settings.profile, show_values
    )
    registry = surveyor.normalizer.plugins.registry
    known = Known(surveyor.sources, surveyor.taxonomies, registry.mappings)
    page, findings = render(survey, about, known, draw)
    written = write_page(output, page.encode("utf-8", "backslashreplace"))
    if written:
        say(written)
        return NEXT_HOP
    for file in survey.files:
        if file.failure:
            say(file.failure)
    if not quiet:
        say(_summarize(output, survey, findings))
    return _status(survey)


def _status(survey: Survey) -> int:
    if any(file.failure for file in survey.files):
        return USAGE
    return UNPARSED if survey.unparsed or any(file.refusal for file in survey.files) else OK


def _summarize(output: str, survey: Survey, findings: list[Finding]) -> str:
    said = (
        "nothing is wrong"
        if not findings
        else f"{many(len(findings), 'finding')}, the first: {findings[0].title}"
    )
    place = "the page" if output == STDIN else output
    return f"{place}: {many(len(survey.files), 'file')}, {many(survey.rows, 'row')}; {said}"


def _choose(given: dict[str, Any]) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings and the taxonomies to show: both, unless one was chosen."""
    config = given.pop("config")
    options = {name: value for name, value in given.items() if name in NAMES}
    settings = replace(load_settings(config, options), on_error="tag")
    layers = read_layers(config, options)
    asked = any(layer.values.get("taxonomy") for layer in layers)
    return settings, (settings.taxonomy,) if asked else TAXONOMIES


# --- reading -------------------------------------------------------------------------------------


class SurveyPlan:
    """The arguments of a survey, in this process or in a worker."""

    def __init__(
        self, settings: Settings, taxonomies: tuple[str, ...], samples: int, examined: int, now: int
    ) -> None:
        self.now = now
        self._settings = settings
        self._taxonomies = taxonomies
        self.samples = samples
        self._examined = examined

    def surveyor(self) -> Surveyor:
        """Return a new surveyor; raises ``SettingsError`` for invalid settings."""
        return Surveyor(
            self._settings, self._taxonomies, samples=self.samples, examined=self._examined, now=self.now
        )

    def survey(self, inputs: Iterable[Input], advance: Callable[[int], object]) -> Survey:
        """The survey of some files."""
        surveyor = self.surveyor()
        for item in inputs:
            survey_file(surveyor, item, advance)
        return surveyor.finish()


def survey_file(surveyor: Surveyor, item: Input, advance: Callable[[int], object]) -> None:
    """Survey one file; one of an unknown type, or that cannot be read, is noted with the reason."""
    try:
        refusal = explain_refusal(item, surveyor.normalizer)
        if refusal:
            surveyor.refuse(item.shown, item.size, refusal)
            advance(item.size)
            return
        for size in surveyor.read(item.shown, item.size, read_blocks(item)):
            advance(size)
    except InputError as error:
        surveyor.fail(item.shown, item.size, str(error))


def _survey_parallel(
    plan: SurveyPlan, inputs: list[Input], jobs: int, advance: Callable[[int], object]
) -> Survey:
    """Survey files in worker processes, and put the surveys together in the order of the files."""
    plan.surveyor()  # what is wrong with the settings is said here, once
    survey = Survey()
    with Workers(jobs) as workers:
        tasks = [workers.submit(_survey_in_worker, plan, item) for item in inputs]
        for item, task in zip(inputs, tasks):
            try:
                part = task.result()
            except BrokenExecutor:
                raise NormalizerError(f"{item.shown}: its worker process was ended") from None
            survey.merge(part, plan.samples)
            advance(item.size)
    return survey


def _survey_in_worker(plan: SurveyPlan, item: Input) -> Survey:
    return plan.survey((item,), lambda size: None)


def _expand(paths: tuple[str, ...], output: str, force: bool) -> list[Input]:
    """The files to read, without the page that is going to be written, which may lie among them."""
    inputs = expand(paths, may_be_empty=True)
    check_page(output, force, GENERATOR, inputs)
    return leave_out(inputs, output)
