"""What is done with the result of a job that the page waited for."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from landslip.page import messages
from landslip.page.jobs.results import PatchResult, ReadResult, SceneResult
from landslip.page.jobs.tasks import (
    BenchmarkTask,
    FetchTask,
    MapTask,
    PatchMapTask,
    PatchSource,
    ReadTask,
    ReferenceTask,
    SceneSource,
)
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import PendingJob, SessionState
from landslip.page.views.scores import keep_reference

BENCHMARKS_KEY: Final = "benchmarks"
"""Key of the results of benchmarks, in Streamlit's session state."""


def finish_job(server: ServerState, state: SessionState, pending: PendingJob) -> None:
    """Keep the result of a job, whichever view is shown when it ends."""
    result: dict[str, Any] = pending.job.result
    if pending.task is ReadTask:
        read = ReadResult.model_validate(result)
        state.sources[:0] = _with_unique_titles(read.sources, {source.title for source in state.sources})
        state.chosen_source = state.sources[0].id
        state.notes += read.notes
        state.image_round += 1
    elif pending.task is ReferenceTask:
        keep_reference(state, result)
    elif pending.task is MapTask:
        _keep_result(state, SceneResult.model_validate(result))
    elif pending.task is PatchMapTask:
        _keep_result(state, PatchResult.model_validate(result))
    elif pending.task is FetchTask:
        name = server.add_detector(Path(result["path"]))
        state.notes.append(messages.PUBLISHED_LOADED.format(name=name))
    elif pending.task is BenchmarkTask:
        st.session_state.setdefault(BENCHMARKS_KEY, {})[pending.label] = result


def _keep_result(state: SessionState, result: SceneResult | PatchResult) -> None:
    """Keep a result as the newest, and show it."""
    state.results.insert(0, result)
    state.shown = result.source.id


def _with_unique_titles(
    sources: Sequence[SceneSource | PatchSource], taken: Collection[str]
) -> list[SceneSource | PatchSource]:
    """Number titles that are taken."""
    unique: list[SceneSource | PatchSource] = []
    titles = set(taken)
    for source in sources:
        title, number = source.title, 1
        while title in titles:
            number += 1
            title = f"{source.title} ({number})"
        titles.add(title)
        unique.append(source.model_copy(update={"title": title}))
    return unique
