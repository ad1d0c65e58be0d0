"""``python -m pipeline.cli`` is ``albumscope``."""

from pipeline.cli.main import main

main()
