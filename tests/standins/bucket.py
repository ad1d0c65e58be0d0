"""A bucket on an S3 server of this machine, and what a test sees in it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

PREFIX = "photos/library"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Objects:
    """What is in a bucket, as anybody else would see it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = f"s3://{name}/{PREFIX}"
        self.client = boto3.client("s3")
        self.client.create_bucket(Bucket=name)

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        assert all(key.startswith(f"{PREFIX}/") for key in keys)
        short = [key.removeprefix(f"{PREFIX}/") for key in keys]
        return [key for key in short if key.startswith(prefix)]

    def read(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=f"{PREFIX}/{key}")[
            "Body"
        ].read()
        return content

    def write(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"{PREFIX}/{key}", Body=content)


def empty_bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    """Make a bucket, named after the test, to which the environment has the keys."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    name = re.sub("[^a-z0-9]", "-", f"{tmp_path.parent.name}{tmp_path.name}")
    return Objects("a" + name[-60:])
