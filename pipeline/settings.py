"""Settings, from the environment and a file: ``.env`` in the working directory, or ENV_FILE."""

import difflib
import io
import logging
import os
import re
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import Field, PositiveInt, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.errors import AlbumscopeError

FlickrSize = Literal["s", "q", "t", "m", "n", "-", "z", "c", "b", "h", "k", "o"]
"""The letters of Flickr's sizes; "-" is the one of 500 pixels, which has none."""

ENV_FILE = os.environ.get("ENV_FILE", ".env")

log = logging.getLogger(__name__)

_AN_ADDRESS = "https://photos.example.org"
_S3 = "s3://"
_PATH = re.compile(r"([\w.~-]+(/[\w.~-]+)*)?", re.ASCII)
_STREAMLITS_OWN = {"_stcore", "component", "media", "static"}
_BUCKET_URL = re.compile(_S3 + r"[a-z0-9][a-z0-9._-]+(/[^/?#@\s]+)*/?")


class Settings(BaseSettings):
    """One field for each environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore")

    data_dir: Path = Path("data")
    library_url: str | None = None
    dagster_home: Path | None = None
    embed_model: str = "embedded"
    caption_model: str = "embedded"
    ollama_host: str = "http://localhost:11434"
    caption_language: str = "English"
    text_model: str = "embedded"
    ocr: bool = True
    faces: bool = True
    face_likeness: Annotated[float, Field(gt=0, lt=1)] = 0.4
    faces_a_person: PositiveInt = 2
    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.18
    device: Literal["auto", "cuda", "cpu"] = "auto"
    batch_size: PositiveInt | None = None
    flickr_api_key: SecretStr | None = None
    flickr_user_id: str | None = None
    flickr_api_url: str = "https://api.flickr.com/services/rest/"
    flickr_image_hosts: Annotated[tuple[str, ...], NoDecode] = ("*.staticflickr.com",)
    flickr_size: FlickrSize = "b"
    flickr_pictures: bool = True
    sync_schedule: str | None = None
    sync_timezone: str = "UTC"
    notify_urls: SecretStr | None = None
    dagster_url: str = "http://127.0.0.1:3000"
    page_url: str | None = None
    map_style_url: str | None = None
    base_path: str = ""
    admins: Annotated[tuple[str, ...], NoDecode] = ()

    def is_image_host(self, host: str) -> bool:
        """Whether pictures may come from a host, in small letters."""
        return any(fnmatchcase(host, each.lower()) for each in self.flickr_image_hosts)

    @property
    def library_dir(self) -> Path:
        """Where the library lies: in DATA_DIR, where with LIBRARY_URL there are copies of it."""
        if self.library_url is None:
            return self.data_dir
        return self.data_dir / "copies" / quote(self.library_url.removeprefix(_S3), safe="")

    @field_validator("library_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not _BUCKET_URL.fullmatch(value):
            raise ValueError("give a bucket and what its keys start with, as s3://bucket/library")
        return value and value.rstrip("/")

    @field_validator("sync_timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("give the name of a time zone, such as Asia/Tokyo") from error
        return value

    @field_validator("map_style_url")
    @classmethod
    def _map_style(cls, value: str | None) -> str | None:
        if value is not None and not re.match("https?://[^/]", value):
            raise ValueError(
                "give the address of a MapLibre style, such as https://tiles.example.org/style.json"
            )
        return value

    @field_validator("ollama_host", "dagster_url", "page_url")
    @classmethod
    def _address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value if "://" in value else f"http://{value}")
            is_good = parts.scheme in {"http", "https"} and bool(parts.netloc) and parts.port != 0
        except ValueError:  # a port that is no number
            is_good = False
        if not is_good:
            default = cls.model_fields[str(info.field_name)].default or _AN_ADDRESS
            raise ValueError(f"give the address of a server, such as {default}")
        return value

    @field_validator("dagster_url", "page_url")
    @classmethod
    def _start_of_links(cls, value: str | None) -> str | None:
        return value and (value if "://" in value else f"http://{value}").rstrip("/")

    @field_validator("base_path")
    @classmethod
    def _base_path(cls, value: str) -> str:
        return read_base_path(value)

    @field_validator("flickr_image_hosts", "admins", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("data_dir", "dagster_home")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            folder = value.expanduser().absolute()
            file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
        except (RuntimeError, OSError) as error:  # no such user, or not ours to look at
            raise ValueError(str(error)) from error
        if file:
            raise ValueError(f"{file} is a file: give a folder")
        return folder


def without_password(text: str) -> str:
    """A setting as it may be shown: no name and password of a URL are left in it."""
    return re.sub("//.*@", "//…@", text)


def read_base_path(text: str) -> str:
    """The path that all pages lie below, as ``/photos``; empty for none. Raises ValueError."""
    path = text.strip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & {*path.split("/")}:
        raise ValueError("give a path, such as photos or tools/photos")
    if path.partition("/")[0] in _STREAMLITS_OWN:
        raise ValueError(f"give another path than {path}, below which Streamlit has its own")
    return path and f"/{path}"


def _in_file() -> dict[str, str | None]:
    """What the file says; a line that says nothing is warned of. Raises AlbumscopeError."""
    file = Path(ENV_FILE)
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise AlbumscopeError(f"{ENV_FILE} cannot be read as text in UTF-8 ({error})") from error
    logging.getLogger("dotenv").setLevel(logging.ERROR)  # it warns twice, and not of which file
    for line in parse_stream(io.StringIO(text)):
        if line.error:
            number = line.original.line
            log.warning("Line %d of %s is passed over: write NAME=value", number, ENV_FILE)
    return dotenv_values(stream=io.StringIO(text))


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once per process. Raises AlbumscopeError naming the wrong variable.

    A name in the file that is nearly that of a setting is warned of; others are of other programs.
    """
    if "ENV_FILE" in os.environ and not Path(ENV_FILE).exists():
        raise AlbumscopeError(f"ENV_FILE={ENV_FILE}: there is no such file; name one, or none")
    in_file = _in_file()
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]).upper()
        given = without_password(str(wrong["input"]))
        raise AlbumscopeError(
            f"{name}={given!r} in the environment or .env is wrong: "
            + wrong["msg"].removeprefix("Value error, ")
        ) from None
    known = [name.upper() for name in Settings.model_fields]
    for name in in_file:
        meant = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
        if meant and name.upper() not in known:
            log.warning("%s in %s is no setting: is %s meant?", name, ENV_FILE, meant[0])
    if settings.library_url:  # what leads to it is not ours to read, but may stand beside it
        for name, value in in_file.items():
            if name.startswith("AWS_") and value:
                os.environ.setdefault(name, value)
    return settings
