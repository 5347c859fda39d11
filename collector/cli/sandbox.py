"""``collector sandbox``: the local stand-in for Contentsquare's endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from collector import resources
from collector.cli import shared
from collector.domain.definition import Definition
from collector.sandbox import Fault, FaultKind, Sandbox, SandboxInstallation
from collector.sources import definition


class FaultOption(click.ParamType[Fault]):
    """A fault as KIND or KIND,name=value,..."""

    name = "fault"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fault:
        kind, *settings = str(value).split(",")
        options: dict[str, Any] = {}
        for setting in settings:
            name, separator, text = setting.partition("=")
            if not separator:
                self.fail(f"{setting!r} is not of the form name=value", param, ctx)
            options[name] = self._value(name, text, param, ctx)
        try:
            return Fault(kind=kind, **options)
        except TypeError:
            self.fail(f"{value!r} has a setting that faults do not know", param, ctx)

    def _value(
        self, name: str, text: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        if name in {"on", "as_date"}:
            return text if name == "on" else text == "true"
        try:
            return float(text) if name == "share" else int(text)
        except ValueError:
            self.fail(f"{name} must be a number, not {text!r}", param, ctx)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True)
@click.option("--project-id", type=click.IntRange(min=1), default=162, show_default=True)
@click.option("--integration-id", type=click.IntRange(min=1), default=42, show_default=True)
@click.option("--client-id", type=shared.ShortText(), default="sandbox-client", show_default=True)
@click.option(
    "--client-secret",
    type=shared.ShortText(),
    default="sandbox-secret",
    show_default=True,
    help="Not a real one.",
)
@click.option("--latency-ms", type=click.IntRange(min=0), default=0, help="Before each answer.")
@click.option(
    "--token-lifetime", type=click.IntRange(min=1), default=3600, show_default=True, help="Seconds."
)
@click.option(
    "--fault",
    "faults",
    type=FaultOption(),
    multiple=True,
    metavar="KIND[,name=value...]",
    help=f"Misbehave; kinds: {', '.join(FaultKind)}. Settings: on (token or enrichments), count, "
    "share, milliseconds, retry_after, as_date, status. Repeat for more.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of faults with a share.")
def sandbox(
    port: int,
    project_id: int,
    integration_id: int,
    client_id: str,
    client_secret: str,
    **behaviour: Any,
) -> None:
    """Run a stand-in for both Contentsquare endpoints on this machine.

    It enforces every documented rule, with the schemas of the integration definition (or of the
    phone-call example, if there is none yet), and shows on a page what it holds. For example:

    \b
      collector sandbox --fault too_many_requests,share=0.1,retry_after=2
      export COLLECTOR_AUTH_URL=http://127.0.0.1:8001/v1/oauth/token
    """
    installation = SandboxInstallation(
        project_id=project_id,
        integration_id=integration_id,
        client_id=client_id,
        client_secret=client_secret,
        schemas=registered_schemas(_definition()),
    )
    with Sandbox([installation], port=port, **behaviour) as running:
        running.serve_forever(
            ready=lambda: click.echo(
                f"Sandbox at {running.url} (Ctrl-C stops it). To use it:\n"
                f"  export COLLECTOR_AUTH_URL={running.auth_url}\n"
                f"  collector installation add --project-id {project_id} --integration-id "
                f"{integration_id} --client-id {client_id} --origin http://127.0.0.1:8002\n"
                f"and where that asks for the secret: {client_secret}"
            )
        )


def registered_schemas(known: Definition) -> dict[int, Mapping[str, Any]]:
    """The schemas of a definition, as they would be registered: version to document."""
    return {
        number: {
            "fields": [
                {
                    "name": field.name,
                    "type": field.type.value,
                    "optional": field.optional,
                    "label": field.label,
                    "description": field.description,
                }
                for field in version.schema.fields
            ]
        }
        for number, version in known.versions.items()
    }


def _definition() -> Definition:
    path = Path(shared.load_settings().integration)
    if not path.exists():
        path = resources.path("examples") / "phone-calls" / "integration.toml"
    return definition.read(path)
