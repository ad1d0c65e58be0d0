"""What a camera is called."""

import re

_COMPANY = re.compile(r"(?i)[\s,]+(imaging|optical|corp|corporation|co|company|ltd|inc)\b.*$")


def camera_name(make: str | None, model: str | None) -> str:
    """Make and model, without saying the make twice: Canon and Canon EOS 70D."""
    make, model = _COMPANY.sub("", make or "").strip(), (model or "").strip()
    if make and model.lower().startswith(make.split()[0].lower()):
        return model
    return f"{make} {model}".strip()
