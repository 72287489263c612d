"""Which pipeline needs which: by the tables they read, and by `depends_on`."""

from __future__ import annotations

import dataclasses
import graphlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ducklake.api.tables import TableRef
from ducklake.errors import Problem, did_you_mean
from ducklake.plan.load import LoadedPipeline


@dataclasses.dataclass(frozen=True, slots=True)
class Graph:
    """The dependencies of a project's pipelines.

    Attributes:
        parents: A pipeline to those that must run before it, in the order of the file.
        order: All pipelines, each behind its parents.
        problems: What is wrong, each with the pipelines that it concerns.
    """

    parents: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    problems: tuple[tuple[frozenset[str], Problem], ...] = ()

    def sorted(self, names: Iterable[str]) -> list[str]:
        """Names, each once and behind its parents.

        Args:
            names: Pipelines.
        """
        wanted = set(names)
        return [name for name in self.order if name in wanted]

    def with_upstream(self, names: Iterable[str]) -> list[str]:
        """The pipelines and all that must run before them, in order.

        Args:
            names: Pipelines.
        """
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.parents[name])
        return self.sorted(found)

    def problems_of(self, names: Iterable[str]) -> list[Problem]:
        """What is wrong with the dependencies of some pipelines.

        Args:
            names: Pipelines.
        """
        wanted = set(self.with_upstream(names))
        return [problem for concerned, problem in self.problems if concerned & wanted]


def build_graph(pipelines: Mapping[str, LoadedPipeline]) -> Graph:
    """Derive the dependencies.

    Args:
        pipelines: All pipelines of the project, in the order of the file.
    """
    problems: list[tuple[frozenset[str], Problem]] = []
    makers: dict[tuple[str, ...], str] = {}
    for name, pipeline in pipelines.items():
        first = makers.setdefault(folded(pipeline.destination), name)
        if first != name:
            message = f"it publishes {pipeline.destination}, which pipeline {first!r} publishes too"
            problems.append((frozenset((first, name)), pipeline.config.node.problem("duplicate_destination", message, "destination")))
    parents: dict[str, tuple[str, ...]] = {}
    for name, pipeline in pipelines.items():
        derived = [maker for ref in pipeline.reads if (maker := makers.get(folded(ref)))]
        known = []
        for index, other in enumerate(pipeline.config.depends_on):
            if other in pipelines:
                known.append(other)
                continue
            hint = did_you_mean(other, pipelines, "pipelines")
            problems.append(
                (
                    frozenset((name,)),
                    pipeline.config.node.problem("unknown_pipeline", f"no pipeline {other!r}", "depends_on", index, hint=hint),
                )
            )
        parents[name] = tuple(dict.fromkeys([*derived, *known]))
    acyclic = dict(parents)
    for cycle in _cycles(acyclic, list(pipelines)):
        path = " -> ".join((*cycle, cycle[0]))
        message = f"circular pipelines: {path}" if len(cycle) > 1 else f"circular pipelines: it reads what it publishes ({path})"
        problems.append((frozenset(cycle), pipelines[cycle[0]].config.node.problem("cycle", message, "name")))
    return Graph(parents, tuple(graphlib.TopologicalSorter(acyclic).static_order()), tuple(problems))


def folded(ref: TableRef) -> tuple[str, ...]:
    """A table's name as file systems and SQL compare it, without case.

    Args:
        ref: The table.
    """
    return (ref.layer.casefold(), ref.domain.casefold(), ref.table.casefold())


def _cycles(parents: dict[str, tuple[str, ...]], order: Sequence[str]) -> Iterator[list[str]]:
    """Every cycle once, in the direction of the data, beginning with the pipeline that is first in the file; opens each one."""
    while True:
        try:
            graphlib.TopologicalSorter(parents).prepare()
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1][:-1]
            start = min(range(len(cycle)), key=lambda place: order.index(cycle[place]))
            cycle = cycle[start:] + cycle[:start]
            parents[cycle[0]] = tuple(name for name in parents[cycle[0]] if name != cycle[-1])
            yield cycle
        else:
            return
