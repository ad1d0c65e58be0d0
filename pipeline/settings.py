"""Settings, from the environment and a file ``.env`` in the working directory."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import AlbumscopeError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """One field for each environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    data_dir: Path = Path("data")
    dagster_home: Path | None = None
    embed_model: str = "embedded"
    caption_model: str = "embedded"
    text_model: str = "embedded"
    device: Literal["auto", "cuda", "cpu"] = "auto"
    batch_size: PositiveInt = 16
    flickr_api_key: SecretStr | None = None
    flickr_user_id: str | None = None

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


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once per process. Raises AlbumscopeError naming the wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]).upper()
        raise AlbumscopeError(
            f"{name}={str(wrong['input'])!r} in the environment or .env is wrong: "
            + wrong["msg"].removeprefix("Value error, ")
        ) from None
