"""The program `mcp-auth`, which is `python -m servers` too."""

import gc


def main() -> None:
    """The console script. What an operator can mend is one sentence on standard error, and exit status 2."""
    gc.disable()  # until everything is there: see servers.commands.worker.freeze
    from servers.cli import app  # noqa: PLC0415 - importing is what the collector would slow down

    app()


if __name__ == "__main__":
    main()
