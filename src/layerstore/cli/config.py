"""`layerstore config`: whether a configuration is good, and what it comes to."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from layerstore.app.settling import file_problems
from layerstore.cli.certificates import certificates
from layerstore.cli.opened import EXIT_REFUSED, EXIT_USAGE, fail, print_json
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.config.checks import refusals
from layerstore.config.loading import Loaded, read
from layerstore.config.shown import flat, shown

DEFAULT: Final = "default"
"""Origin of what nobody set."""

app = typer.Typer(
    name="config", help="Look at the configuration.", no_args_is_help=True, add_completion=False
)

FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="The configuration; without it that of REGISTRY_CONFIGURATION_PATH, or the defaults.",
    ),
]


@app.command(
    epilog="Examples:\n\n  layerstore config check /etc/docker/registry/config.yml\n\n"
    "  layerstore config check --strict --json config.yml\n\n"
    "Exit status: 0 it can be served; 1 there are warnings, with --strict; 2 it cannot be "
    "served, or not be read."
)
def check(
    file: FileArgument = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings count for the exit status.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Tell what is wrong with a configuration, with its variables and the files that it names."""
    warnings: Sequence[str] = ()
    try:
        loaded = read(file, os.environ)
        warnings, problems = loaded.warnings, refusals(loaded.config)
        if not problems:
            problems = [*_tls_problems(loaded.config), *file_problems(loaded.config, SystemClock())]
    except ConfigError as error:
        problems = list(error.problems)
    if json:
        print_json({"servable": not problems, "errors": problems, "warnings": warnings})
    else:
        _print_findings(warnings, problems)
    if problems:
        raise typer.Exit(EXIT_USAGE)
    if strict and warnings:
        raise typer.Exit(EXIT_REFUSED)


def _tls_problems(config: Config) -> Sequence[str]:
    try:
        certificates(config.http.tls)
    except ConfigError as error:
        return error.problems
    return ()


def _print_findings(warnings: Sequence[str], problems: Sequence[str]) -> None:
    for warning in warnings:  # a misspelt key is often why another one is missing
        typer.echo(f"warning: {warning}")
    for problem in problems:
        typer.echo(f"error: {problem}")
    if not problems:
        typer.echo("The configuration can be served.")


@app.command(
    epilog="Examples:\n\n  layerstore config show --origins\n\n"
    "  layerstore config show --json config.yml\n\n"
    "Exit status: 0 done; 2 the configuration cannot be read."
)
def show(
    file: FileArgument = None,
    origins: Annotated[
        bool, typer.Option("--origins", help="One key a line, and where its value comes from.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show every key with its value, variables included. Secrets are masked."""
    try:
        loaded = read(file, os.environ)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    tree = shown(loaded.config)
    if json:
        print_json(_with_origins(tree, loaded) if origins else tree)
    elif origins:
        _print_lines(tree, loaded)
    else:
        typer.echo(_yaml(tree), nl=False)


def _with_origins(tree: dict[str, object], loaded: Loaded) -> dict[str, object]:
    return {
        "config": tree,
        "origins": {path: _origin(path, loaded) for path, _ in flat(tree)},
    }


def _print_lines(tree: dict[str, object], loaded: Loaded) -> None:
    for path, value in flat(tree):
        typer.echo(f"{path}: {_line(value)}  # {_origin(path, loaded)}")


def _line(value: object) -> str:
    """A value in YAML, without the mark that ends a document."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").rstrip()


def _origin(path: str, loaded: Loaded) -> str:
    return loaded.origins.get(path, DEFAULT)


def _yaml(tree: dict[str, object]) -> str:
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text
