"""Every mistake in ``[calls]``, in a preset's adaptation or in a project's rules has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.drafts import CALLS, FIELDS, HEAD, KEYS, TOML, VERSION, draft, problems

QUERY = "SELECT * FROM c WHERE at >= :since LIMIT :limit"


def with_calls(line: str) -> str:
    return TOML.replace(CALLS, CALLS + line + "\n")


def beside(table: str) -> str:
    return TOML.replace(KEYS, KEYS + table + "\n")


def preset(lines: str) -> str:
    return HEAD + "[calls]\n" + lines + "\n" + VERSION + FIELDS


@pytest.mark.parametrize(
    ("toml", "place", "said"),
    [
        (preset('preset = "nextel"'), "calls.preset", "Must be one of: twilio"),
        (preset('preset = "twilio"\nid = []'), "calls.id", "must name a column"),
        (preset('preset = "twilio"\nid = ""'), "calls.id", "must name a column"),
        (preset('preset = "twilio"\ncolour = 1'), "calls.colour", "Unknown field"),
        (
            preset('preset = "twilio"\n[calls.keys]\nvisitor_id = " "'),
            "calls.keys.visitor_id",
            "must name a column",
        ),
        (TOML + "[presets.nextel]\n", "presets.nextel", "Must be one of: twilio"),
        (TOML + "[presets.twilio]\nvalue = 5\n", "presets.twilio.value", "must name a column"),
        (
            TOML + '[presets.twilio]\npreset = "twilio"\n',
            "presets.twilio.preset",
            "Unknown field",
        ),
        (
            TOML + '[presets.twilio.keys]\nvisitor_id = [""]\n',
            "presets.twilio.keys.visitor_id",
            "must name a column",
        ),
        (
            TOML + '[presets.twilio.webhook]\nsignature = "rsa"\n',
            "presets.twilio.webhook.signature",
            "hmac, twilio, none",
        ),
        (
            TOML + '[presets.twilio.webhook]\nsignature = "hmac"\n',
            "presets.twilio.webhook",
            "must name the header",
        ),
        (
            TOML + '[presets.twilio.webhook]\nsignature = "hmac"\nheader = "a b"\n',
            "presets.twilio.webhook.header",
            "is no header's name",
        ),
        (with_calls("duration = []"), "calls.duration", "must name a column"),
        (with_calls('duration = ["a", ""]'), "calls.duration", "must name a column"),
        (with_calls('duration = ["a", 5]'), "calls.duration", "must name a column"),
        (with_calls('decimal = "x"'), "calls.decimal", "., ,"),
        (with_calls('time_formats = "%Y"'), "calls.time_formats", "Not a valid list"),
        (beside("[[calls.answered]]\nabove = 0"), "calls.answered.0.column", "Missing data"),
        (
            beside('[[calls.answered]]\ncolumn = "a"'),
            "calls.answered.0",
            "exactly one of is, not and above",
        ),
        (
            beside('[[calls.only]]\ncolumn = "a"\nis = "b"\nnot = "c"'),
            "calls.only.0",
            "exactly one of is, not and above",
        ),
        (
            beside('[[calls.only]]\ncolumn = "a"\nis = []'),
            "calls.only.0.is",
            "must be what the column says",
        ),
        (
            beside('[[calls.only]]\ncolumn = "a"\nis = [{}]'),
            "calls.only.0.is",
            "must be what the column says",
        ),
        (
            beside('[[calls.only]]\ncolumn = "a"\nabove = "much"'),
            "calls.only.0.above",
            "Not a valid number",
        ),
        (
            beside('[[calls.only]]\ncolumn = "a"\nabove = nan'),
            "calls.only.0.above",
            "Special numeric values",
        ),
        (beside("[calls.file]\ncolour = 1"), "calls.file.colour", "Unknown field"),
        (beside("[calls.sql]"), "calls.sql.query", "Missing data"),
        (
            beside(f'[calls.sql]\nquery = "{QUERY}"\npage = 0'),
            "calls.sql.page",
            "greater than or equal to 1",
        ),
        (
            beside(f'[calls.sql]\nquery = "{QUERY}"\npage = 100001'),
            "calls.sql.page",
            "less than or equal to 100000",
        ),
        (
            beside(f'[calls.sql]\nquery = "{QUERY}"\npage = 1.5'),
            "calls.sql.page",
            "Not a valid integer",
        ),
        (TOML + "[projects.162]\n", "projects.162.matching", "Missing data"),
        (
            TOML + "[projects.162.matching]\nskew = 5\n",
            "projects.162.matching.skew",
            "Not a valid string",
        ),
        *(
            (TOML + f"[projects.{number}.matching]\n", f"projects.{number}", "no project id")
            for number in ("shop", "0", "0162", str(2**53))
        ),
    ],
)
def test_a_mistake_in_the_form_is_told_with_its_place(
    tmp_path: Path, toml: str, place: str, said: str
) -> None:
    (problem,) = problems(draft(tmp_path, toml))
    assert problem.startswith(f"{place}: ")
    assert said.replace("no project id", "is not a project id") in problem


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        (
            preset('preset = "callrail"\nstarted = ""'),
            "[calls] does not say when a call started: name 'started', or 'ended' and 'duration'",
        ),
        (
            TOML + '[presets.callrail]\nstarted = ""\n',
            (
                "[presets.callrail] does not say when a call started: name 'started', "
                "or 'ended' and 'duration'"
            ),
        ),
        (
            TOML + '[presets.callrail]\ntimezone = "Mars"\n',
            "[presets.callrail] timezone 'Mars' is unknown; write one such as Europe/Paris",
        ),
        (
            TOML + '[presets.twilio.keys]\nvisitor_id = ""\ntracking_number = []\n',
            "[presets.twilio.keys] is empty: without a match key no call can meet a session",
        ),
        (
            preset('preset = "twilio"\n[presets.twilio]\nvalue = "sum"'),
            "[presets.twilio] is what [calls] begins from: write it there",
        ),
        (
            beside('[calls.webhook]\nsignature = "none"'),
            '[calls.webhook] belongs to a preset: name it by preset = "…"',
        ),
        (
            with_calls('caller = ["who", "visitor"]'),
            (
                "[calls.keys] 'visitor_id' is the caller's column 'visitor': the caller's number "
                "would be stored in the clear, and no page knows it"
            ),
        ),
        (
            TOML + '[presets.twilio.keys]\nreference = ["to", "From"]\n',
            (
                "[presets.twilio.keys] 'reference' is the caller's column 'From': the caller's "
                "number would be stored in the clear, and no page knows it"
            ),
        ),
        (
            with_calls('time_formats = ["%d/%m/%Y"]'),
            "[calls] time_formats: '%d/%m/%Y' does not tell the hour",
        ),
        (
            with_calls('time_formats = ["%d/%m/%Y %I:%M"]'),
            "[calls] time_formats: '%d/%m/%Y %I:%M' does not tell the hour",
        ),
        (
            with_calls('time_formats = ["%d/%m %H:%M"]'),
            "[calls] time_formats: '%d/%m %H:%M' does not tell the date",
        ),
        (
            with_calls('time_formats = ["%Y-%m-%d %Q"]'),
            (
                "[calls] time_formats: '%Y-%m-%d %Q' is no form that strptime knows: 'Q' is a bad "
                "directive in format '%Y-%m-%d %Q'"
            ),
        ),
        (
            with_calls('time_formats = ["%Y-%m-%d %H:%M %"]'),
            (
                "[calls] time_formats: '%Y-%m-%d %H:%M %' is no form that strptime knows: "
                "stray % in format '%Y-%m-%d %H:%M %'"
            ),
        ),
        (
            with_calls('time_formats = ["%d/%m/%YT%H:%M:%SZ"]'),
            (
                "[calls] time_formats: '%d/%m/%YT%H:%M:%SZ' takes the Z for a letter and not for "
                "UTC; write %z in its place"
            ),
        ),
        (
            with_calls('time_formats = ["%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"]'),
            (
                "[calls] time_formats: '%m/%d/%Y %H:%M' would read a time written as "
                "'%d/%m/%Y %H:%M' as another one; keep one of the two, or change their order if "
                "that is enough"
            ),
        ),
        (
            with_calls('time_formats = ["%Y%m%d%H%M%S", "%Y%m%d%H%M"]'),
            (
                "[calls] time_formats: '%Y%m%d%H%M%S' would read a time written as '%Y%m%d%H%M' "
                "as another one; keep one of the two, or change their order if that is enough"
            ),
        ),
        (
            beside('[calls.file]\nencoding = "klingon"'),
            "[calls.file] encoding 'klingon' is unknown; write one such as cp1252",
        ),
        (
            beside('[calls.file]\nencoding = "base64"'),
            "[calls.file] encoding 'base64' is unknown; write one such as cp1252",
        ),
        (
            beside('[calls.file]\ndelimiter = "||"'),
            "[calls.file] delimiter '||' is not one sign such as ;",
        ),
        (beside('[calls.file]\nquote = ""'), "[calls.file] quote '' is not one sign such as ;"),
        (
            beside("[calls.file]\ndelimiter = '\"'"),
            "[calls.file] delimiter and quote are the same",
        ),
        (
            beside('[calls.sql]\nquery = "SELECT 1 LIMIT :limit"'),
            "[calls.sql] query has no parameter :since",
        ),
        (
            beside('[calls.sql]\nquery = "SELECT x::limit WHERE at > :since AND n < :limits"'),
            "[calls.sql] query has no parameter :limit",
        ),
        (
            beside(f'[calls.sql]\nquery = "{QUERY}"\nsince_format = "timestamp"'),
            (
                "[calls.sql] since_format 'timestamp' does not tell the date; or write "
                "epoch or epoch_ms"
            ),
        ),
        (
            beside(f'[calls.sql]\nquery = "{QUERY}"\noverlap = "soon"'),
            "[calls.sql] overlap: 'soon' is not a duration such as 90s, 30m, 24h or 7d",
        ),
        (
            TOML + '[projects.162.matching]\nskew = "soon"\n',
            "[projects.162.matching] skew: 'soon' is not a duration such as 90s, 30m, 24h or 7d",
        ),
        (
            TOML + '[[projects.162.matching.rules]]\nkey = "Visitor"\n',
            "[[projects.162.matching.rules]] 'Visitor' is no kind of match key",
        ),
    ],
)
def test_a_mistake_in_the_meaning_is_told_with_its_place(
    tmp_path: Path, toml: str, found: str
) -> None:
    assert problems(draft(tmp_path, toml)) == [found]


def test_the_mistakes_of_all_presets_are_told_at_once(tmp_path: Path) -> None:
    toml = TOML + (
        '[presets.infinity]\ntimezone = "Mars"\n'
        '[presets.callrail]\nstarted = ""\ntime_formats = ["x"]\n'
        '[projects.7.matching]\nskew = "soon"\n'
    )
    assert [problem.partition("] ")[0] for problem in problems(draft(tmp_path, toml))] == [
        "[presets.callrail",
        "[presets.callrail",
        "[presets.infinity",
        "[projects.7.matching",
    ]


def test_a_form_of_time_with_the_same_part_twice_is_none(tmp_path: Path) -> None:
    (problem,) = problems(draft(tmp_path, with_calls('time_formats = ["%Y-%m-%d %H:%M %Y"]')))
    assert problem.startswith(
        "[calls] time_formats: '%Y-%m-%d %H:%M %Y' is no form that strptime knows"
    )
