"""What a text means, its key decides; everything that is wrong is told in one go."""

from collections.abc import Sequence

import pytest

from layerstore.config import Config, ConfigError
from layerstore.config.decode import Decoded, decode
from layerstore.config.document import parse


def decoded(text: str) -> Decoded:
    return decode(parse(text, "file").value)


def config(text: str) -> Config:
    return decoded(text).config


def problems(text: str) -> Sequence[str]:
    with pytest.raises(ConfigError) as raised:
        decoded(text)
    return raised.value.problems


@pytest.mark.parametrize("text", ["0123", "1.10", "yes", "12:30", "0x1f", "1_000"])
def test_a_text_stays_as_it_is_written(text: str) -> None:
    assert config(f"http: {{secret: {text}}}").http.secret == text


@pytest.mark.parametrize("word", ["true", "yes", "on", "y", "True", "YES", "'true'"])
def test_yes_has_many_forms(word: str) -> None:
    assert config(f"storage: {{delete: {{enabled: {word}}}}}").storage.delete.enabled


@pytest.mark.parametrize("word", ["false", "no", "off", "n", "FALSE", '"no"'])
def test_no_has_many_forms(word: str) -> None:
    text = f"storage: {{maintenance: {{uploadpurging: {{enabled: {word}}}}}}}"
    assert not config(text).storage.maintenance.uploadpurging.enabled


@pytest.mark.parametrize(
    ("text", "number"),
    [("5242880", 5_242_880), ("'5242880'", 5_242_880), ("5_242_880", 5_242_880), ("0x10", 16)],
)
def test_numbers_have_the_forms_of_yaml(text: str, number: int) -> None:
    assert config(f"catalog: {{maxentries: {text}}}").catalog.maxentries == number


def test_durations_are_seconds() -> None:
    assert config("http: {draintimeout: 1m30s}").http.draintimeout == 90


def test_a_number_without_a_unit_is_nanoseconds_and_told_of() -> None:
    result = decoded("http: {draintimeout: 5000000000}")
    assert result.config.http.draintimeout == 5
    assert result.warnings == (
        "http.draintimeout: 5000000000 without a unit means nanoseconds, as in Go (file, line 1)",
    )


def test_choices_are_taken_in_any_case() -> None:
    assert config("log: {level: DEBUG}").log.level == "debug"


def test_what_is_left_empty_keeps_its_default() -> None:
    text = "log: \nhttp: {addr: , headers: , tls: , trustedproxies: }\nauth: \nproxy: ~"
    assert config(text) == Config()


@pytest.mark.parametrize("text", ["storage: inmemory", "storage: {inmemory: }"])
def test_a_bare_name_chooses(text: str) -> None:
    assert config(text).storage.driver == "inmemory"


def test_a_chosen_driver_without_settings_has_its_defaults() -> None:
    filesystem = config("storage: {filesystem: , delete: }").storage.filesystem
    assert filesystem is not None
    assert filesystem.rootdirectory == "/var/lib/registry"


def test_second_names_are_understood() -> None:
    storage = config("storage: {s3aws: {bucket: b}, cache: {layerinfo: redis}}").storage
    assert storage.s3 is not None
    assert (storage.driver, storage.s3.bucket) == ("s3", "b")
    assert storage.cache.blobdescriptor == "redis"


def test_words_with_commas_are_a_list_where_the_original_has_them() -> None:
    text = "middleware: {storage: [{name: cloudfront, options: {awsregion: 'a, b,,c'}}]}"
    assert config(text).middleware.storage[0].options.awsregion == ("a", "b", "c")


def test_an_unknown_key_is_told_with_its_place_and_the_nearest_one() -> None:
    result = decoded("log: {level: warn}\nhttp:\n  secrte: x\n  zzz: 1\n")
    assert result.config.log.level == "warn"
    assert result.warnings == (
        "http.secrte: this key is unknown and has no effect; is http.secret meant? (file, line 3)",
        "http.zzz: this key is unknown and has no effect (file, line 4)",
    )


@pytest.mark.parametrize("driver", ["oss", "swift", "rados"])
def test_a_removed_driver_says_what_to_do(driver: str) -> None:
    [problem] = problems(f"storage: {{{driver}: {{}}}}")
    assert problem.startswith(f"storage.{driver}: this driver was removed")
    assert "regionendpoint" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "keys and values are expected here (file, line 1)"),
        ("http: word", "http: keys and values are expected here (file, line 1)"),
        ("http: []", "http: keys and values are expected here (file, line 1)"),
        ("http: {addr: [a]}", "http.addr: a single text is expected (file, line 1)"),
        ("http: {workers: many}", "http.workers: a whole number is expected (file, line 1)"),
        ("http: {workers: 1.5}", "http.workers: a whole number is expected (file, line 1)"),
        ("http: {workers: {}}", "http.workers: a whole number is expected (file, line 1)"),
        ("http: {workers: -1}", "http.workers: this has to be at least 0 (file, line 1)"),
        ("tags: {maxtags: 0}", "tags.maxtags: this has to be at least 1 (file, line 1)"),
        (f"tags: {{maxtags: {2**63}}}", "tags.maxtags: this number is too large (file, line 1)"),
        (
            f"tags: {{maxtags: {'9' * 99}}}",
            "tags.maxtags: a whole number is expected (file, line 1)",
        ),
        ("http: {h2c: {enabled: 1}}", "http.h2c.enabled: true or false is expected (file, line 1)"),
        (
            "http: {h2c: {enabled: []}}",
            "http.h2c.enabled: true or false is expected (file, line 1)",
        ),
        (
            "http: {headers: {X: nosniff}}",
            "http.headers.X: a list is expected, as in [one, two] (file, line 1)",
        ),
        ("http: {headers: [X]}", "http.headers: keys and values are expected here (file, line 1)"),
        (
            "log: {level: loud}",
            "log.level: 'loud' is none of debug, error, info, warn (file, line 1)",
        ),
        (
            'http: {secret: "a\\0b"}',
            "http.secret: a text without characters of value zero is expected (file, line 1)",
        ),
        (
            "http: {draintimeout: 1d}",
            "http.draintimeout: '1d' is no duration such as 90s, 1h30m, 168h (file, line 1)",
        ),
        (
            "http: {draintimeout: []}",
            "http.draintimeout: a duration such as 90s is expected (file, line 1)",
        ),
        (
            "limits: {progresstimeout: 0}",
            "limits.progresstimeout: this has to be longer than 0 (file, line 1)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_key(text: str, problem: str) -> None:
    assert problems(text) == (problem,)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = "http: {workers: many}\nlog: {level: loud}\nhealth: {file: [{interval: soon}]}\n"
    assert [problem.partition(":")[0] for problem in problems(text)] == [
        "http.workers",
        "log.level",
        "health.file[0].interval",
    ]


def test_a_wrong_secret_is_not_repeated() -> None:
    assert "hunter2" not in "".join(problems("http: {secret: [hunter2]}"))


def test_origins_name_the_line_of_each_value() -> None:
    origins = decoded("http:\n  addr: :1\n  headers:\n    X: [a]\n").origins
    assert origins["http.addr"] == "file, line 2"
    assert origins["http.headers.X[0]"] == "file, line 4"
    assert "http.net" not in origins


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "{user: [alice], actions: [pull]}",
            "auth.policies[0].user: there is no such key here; is auth.policies[0].users meant?",
        ),
        ("{users: , actions: [pull]}", "auth.policies[0].users: a list is expected"),
        ("{users: alice, actions: [pull]}", "auth.policies[0].users: a list is expected"),
        ("{repository: [a], actions: [pull]}", "auth.policies[0].repository: there is no such"),
    ],
)
def test_a_rule_that_would_allow_more_than_was_meant_is_refused(rule: str, told: str) -> None:
    """Without its key `users` a rule fits everybody: a slip must not open the registry."""
    [problem] = problems(f"auth: {{policies: [{rule}]}}")
    assert problem.startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("auth: htpaswd", "auth.htpaswd: there is no such key here; is auth.htpasswd meant?"),
        ("auth: {htpaswd: {path: p}}", "auth.htpaswd: there is no such key here"),
        ("auth: {policies: }", "auth.policies: a list is expected"),
    ],
)
def test_a_check_that_nobody_knows_is_refused_and_does_not_open_the_registry(
    text: str, told: str
) -> None:
    [problem] = problems(text)
    assert problem.startswith(told)
