"""A bucket of an object store (Amazon S3, or a server that speaks its protocol), by its URL.

Where the store is and the keys to it come from where AWS's own tools have them: variables such as
AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_PROFILE, ``~/.aws``, or the role
of the machine. The keys are never shown. That is why it is boto3: obstore asks boto3 for all of
these but the variables, and tells most failures apart in its messages alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from pipeline.errors import AlbumscopeError

_AT_ONCE = 1000  # keys that one request can delete
_CONNECTIONS = 32


class NoSuchObjectError(Exception):
    """There is no object with this key."""


class ConflictError(Exception):
    """The object is no longer the one that was to be replaced."""


class Bucket:
    """What lies under a URL like ``s3://bucket/library``; keys are relative to it.

    May be used from several threads. All methods raise AlbumscopeError that says what to do if the
    store cannot be reached or refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise AlbumscopeError(
                "LIBRARY_URL needs the package boto3: pip install 'albumscope[s3]'"
            ) from error
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = parts.path.lstrip("/") + "/" if parts.path else ""
        with self._errors_told():
            config = Config(max_pool_connections=_CONNECTIONS, connect_timeout=10)
            self._client = boto3.session.Session().client("s3", config=config)

    def list(self, prefix: str) -> dict[str, str]:
        """The keys that start with ``prefix``, sorted, each with its ETag: 1,000 a request."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._errors_told():
            return {
                found["Key"].removeprefix(self._prefix): _etag(found)
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
                for found in page.get("Contents", ())
            }

    def read(self, key: str) -> tuple[bytes, str]:
        """The content of a small object, and its ETag. Raises NoSuchObjectError."""
        with self._errors_told():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            return answer["Body"].read(), _etag(answer)

    def write(self, key: str, content: bytes) -> None:
        """Put a small object; the last writer wins."""
        self._write(key, content, {})

    def write_instead(self, key: str, content: bytes, etag: str | None) -> None:
        """Put a small object in the place of the one with this ETag; None: of none.

        Raises ConflictError if it is another by now, where the store knows such conditions.
        """
        self._write(key, content, {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"})

    def _write(self, key: str, content: bytes, condition: dict[str, str]) -> None:
        with self._errors_told():
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=content, **condition
            )

    def put(self, file: Path, key: str) -> str:
        """Put a file of up to 5 GB in one request, and return its ETag."""
        with self._errors_told(), file.open("rb") as content:
            answer = self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=content
            )
        return _etag(answer)

    def get(self, key: str, file: Path) -> str:
        """Bring an object into a file in one request, and return its ETag.

        Raises NoSuchObjectError.
        """
        from botocore.exceptions import IncompleteReadError, ResponseStreamingError

        def attempt() -> Mapping[str, Any]:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with file.open("wb") as target:
                for block in answer["Body"].iter_chunks(1 << 20):
                    target.write(block)
            return cast("Mapping[str, Any]", answer)

        with self._errors_told():
            # The client itself tries again only until an answer begins.
            cut = retry_if_exception_type((IncompleteReadError, ResponseStreamingError))
            retrying = Retrying(retry=cut, stop=stop_after_attempt(3), reraise=True)
            return _etag(retrying(attempt))

    def upload(self, file: Path, key: str) -> None:
        """Put a file of any size, in parts at once if it is large."""
        with self._errors_told(), file.open("rb") as content:
            self._client.upload_fileobj(content, self._bucket, self._prefix + key)

    def download(self, key: str, file: Path) -> None:
        """Bring an object of any size into a file, likewise. Raises NoSuchObjectError."""
        with self._errors_told(), file.open("wb") as target:
            self._client.download_fileobj(self._bucket, self._prefix + key, target)

    def copy(self, key: str, new_key: str) -> None:
        """Give an object of any size a second key, inside the store. Raises NoSuchObjectError."""
        source = {"Bucket": self._bucket, "Key": self._prefix + key}
        with self._errors_told():
            self._client.copy(source, self._bucket, self._prefix + new_key)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, if they are there."""
        for start in range(0, len(keys), _AT_ONCE):
            some = [{"Key": self._prefix + key} for key in keys[start : start + _AT_ONCE]]
            with self._errors_told():
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": some, "Quiet": True}
                )
            if errors := answer.get("Errors"):
                raise AlbumscopeError(
                    f"{self.url}/{errors[0]['Key'].removeprefix(self._prefix)} cannot be deleted"
                    f" ({errors[0]['Code']}): check what the keys may do with the bucket"
                )

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        """Put what goes wrong into words for a person; no key is in them."""
        from botocore import exceptions as boto
        from s3transfer.exceptions import RetriesExceededError

        try:
            yield
        except boto.ClientError as error:
            code = str(error.response["Error"]["Code"])
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code in {"NoSuchKey", "404"}:
                raise NoSuchObjectError from error
            if code == "NoSuchBucket":
                raise AlbumscopeError(
                    f"There is no bucket {self._bucket!r} at {self._place}: make it, or correct"
                    " LIBRARY_URL"
                ) from error
            if status == 412:
                raise ConflictError from error
            if status in {400, 401, 403}:
                raise AlbumscopeError(
                    f"{self._place} refuses ({code}): check AWS_ACCESS_KEY_ID,"
                    f" AWS_SECRET_ACCESS_KEY and what they may do with {self.url}"
                ) from error
            raise AlbumscopeError(f"{self._place} fails ({code}): try again later") from error
        except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
            raise AlbumscopeError(
                f"There are no keys for {self.url}: set AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            ) from error
        except (
            *(boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError),
            RetriesExceededError,
        ) as error:
            raise AlbumscopeError(
                f"{self._place} cannot be reached, or hangs up: check the network and"
                " AWS_ENDPOINT_URL"
            ) from error
        except (boto.BotoCoreError, ValueError) as error:
            raise AlbumscopeError(
                f"LIBRARY_URL={self.url} cannot be used: {str(error).partition(chr(10))[0]}"
            ) from error

    @property
    def _place(self) -> str:
        """The host of the store."""
        return str(urlsplit(self._client.meta.endpoint_url).netloc).rpartition("@")[2]


@lru_cache(maxsize=4)
def open_bucket(url: str) -> Bucket:
    """The bucket with this URL; one client serves all of a process."""
    return Bucket(url)


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')
