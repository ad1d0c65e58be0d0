"""Dagster's UI and its daemon as a user starts them, for tests that use them."""

import json
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import httpx

from pipeline.assets.instance import dagster_home
from pipeline.cli import servers
from pipeline.settings import Settings
from pipeline.shipped import shipped
from tests.waiting import PATIENCE, wait_for

GraphQL = Callable[..., Any]

ALBUM_ASSETS = [
    "raw_images",
    "exif_metadata",
    "llm_captions",
    "visible_text",
    "faces",
    "siglip_embeddings",
    "caption_embeddings",
]

_LAUNCH_RUN = """
mutation ($run: ExecutionParams!) {
  launchPipelineExecution(executionParams: $run) {
    __typename ... on LaunchRunSuccess { run { runId } }
  }
}
"""
_STATUS_OF_RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_LAUNCH_BACKFILL = """
mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename ... on LaunchBackfillSuccess { backfillId }
  }
}
"""
_BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status runs(limit: 20) { status } }
  }
}
"""
_PARTITIONS = """
query ($assets: [AssetKeyInput!]) {
  assetNodes(assetKeys: $assets) {
    partitionKeys
    assetPartitionStatuses {
      ... on DefaultPartitionStatuses { materializedPartitions failedPartitions }
    }
  }
}
"""
_UNSYNCED = """
query ($assets: [AssetKeyInput!]) {
  assetNodes(assetKeys: $assets) {
    assetKey { path } partitionKeys staleStatusByPartition
    staleCausesByPartition { reason category dependency { path } }
  }
}
"""


@contextmanager
def dagster_dev(settings: Settings, workspace: Path | None = None) -> Iterator[GraphQL]:
    """Start `dagster dev` as `albumscope dagster` does; yields a function that asks its GraphQL.

    ``workspace`` is a file that says which definitions to load, in place of the project's.
    """
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        port = probe.getsockname()[1]
    url = f"http://{servers.LOCALHOST}:{port}/graphql"

    client = httpx.Client(timeout=60)

    def ask(query: str, **variables: Any) -> Any:
        answer = client.post(url, json={"query": query, "variables": variables})
        return answer.json()["data"]

    def answers() -> bool:
        try:
            return bool(ask("{ assetNodes { id } }")["assetNodes"])
        except (httpx.HTTPError, json.JSONDecodeError, KeyError):
            return False

    command = servers.dagster_command(servers.LOCALHOST, port)
    if workspace:
        command[command.index("--workspace") + 1] = str(workspace)
    with client, _running(command, settings):
        wait_for(answers, "Dagster's UI to answer")
        yield ask


@contextmanager
def dagster_daemon(settings: Settings) -> Iterator[None]:
    """Start the daemon alone, as its unit in deploy/ does; that computes less than with the UI."""
    program = Path(sys.executable).with_name("dagster-daemon")
    with _running([str(program), "run", "--workspace", str(shipped("workspace.yaml"))], settings):
        yield


@contextmanager
def _running(command: Sequence[str], settings: Settings) -> Iterator[None]:
    home = dagster_home(settings)
    environment = servers.environment(settings) | {"DAGSTER_HOME": str(home)}
    with servers.running(command, environment, home):
        yield


def materialise(ask: GraphQL, *assets: str, partition: str | None = None) -> str:
    """Start a run as the button Materialize does, wait for its end, return its status."""
    tags = [{"key": "dagster/partition", "value": partition}] if partition else []
    run = ask(
        _LAUNCH_RUN,
        run={
            "selector": {
                "repositoryLocationName": "albumscope",
                "repositoryName": "__repository__",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": [asset]} for asset in assets],
                "assetCheckSelection": [],
            },
            "mode": "default",
            "executionMetadata": {"tags": tags},
        },
    )["launchPipelineExecution"]["run"]["runId"]

    def status() -> str:
        return str(ask(_STATUS_OF_RUN, id=run)["runOrError"]["status"])

    wait_for(lambda: status() in {"SUCCESS", "FAILURE"}, f"{assets} to be materialised")
    return status()


def start_backfill(ask: GraphQL, assets: Sequence[str], partition_keys: Sequence[str]) -> str:
    """Have many partitions materialised; returns the backfill's id."""
    answer = ask(
        _LAUNCH_BACKFILL,
        backfill={
            "assetSelection": [{"path": [asset]} for asset in assets],
            "partitionNames": partition_keys,
        },
    )
    return str(answer["launchPartitionBackfill"]["backfillId"])


def backfill(
    ask: GraphQL, assets: Sequence[str], partition_keys: Sequence[str], seconds: float = PATIENCE
) -> Mapping[str, Any]:
    """Materialise many partitions, wait for the end, return the status and the runs' statuses."""
    backfill_id = start_backfill(ask, assets, partition_keys)

    def state() -> Mapping[str, Any]:
        answer: Mapping[str, Any] = ask(_BACKFILL, id=backfill_id)["partitionBackfillOrError"]
        return answer

    wait_for(lambda: str(state()["status"]).startswith(("COMPLETED", "FAIL")), "backfill", seconds)
    return state()


def partitions(ask: GraphQL, assets: Sequence[str]) -> list[tuple[set[str], set[str], set[str]]]:
    """For each asset all partitions, those that are materialised, and those that failed."""
    found = []
    for node in _nodes(ask, _PARTITIONS, assets):
        statuses = node["assetPartitionStatuses"]
        done, failed = statuses["materializedPartitions"], statuses["failedPartitions"]
        found.append((set(node["partitionKeys"]), set(done), set(failed)))
    return found


def unsynced(ask: GraphQL, assets: Sequence[str]) -> dict[tuple[str, str], Any]:
    """What the UI does not call synced, by asset and partition, with the causes that it has."""
    return {
        (node["assetKey"]["path"][-1], partition): causes or status
        for node in _nodes(ask, _UNSYNCED, assets)
        for partition, status, causes in zip(
            node["partitionKeys"],
            node["staleStatusByPartition"],
            node["staleCausesByPartition"],
            strict=True,
        )
        if status != "FRESH"
    }


def _nodes(ask: GraphQL, query: str, assets: Sequence[str]) -> list[Any]:
    """What the UI says of these assets, asked at once."""
    nodes: list[Any] = ask(query, assets=[{"path": [asset]} for asset in assets])["assetNodes"]
    assert len(nodes) == len(assets)
    return nodes


def process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process that works on a run; None while there is none."""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        if event and "pid" in event.engine_event_data.metadata:
            return int(str(event.engine_event_data.metadata["pid"].value))
    return None
